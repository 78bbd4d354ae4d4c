import { chmod, readdir, readFile, rm } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { build, type Metafile, type Plugin } from 'esbuild'

/** Bundles the program into `dist`, or into the directory that is named. */

// Some dependencies are CommonJS and call require, which an ES module doesn't have by itself.
const requireForCommonJs =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"

const root = new URL('..', import.meta.url).pathname
const outdir = resolve(root, process.argv[2] ?? 'dist')

/** CommonJS that is imported when it is needed has no names in a bundle, and whoever asks for one gets undefined. */
const refuseNameless = ({ inputs }: Metafile): void => {
  for (const [path, { imports }] of Object.entries(inputs))
    for (const { kind, path: imported } of imports)
      if (kind === 'dynamic-import' && inputs[imported]?.format === 'cjs')
        throw new Error(`${path} imports ${imported} when it is needed: it is CommonJS, so import it at the top`)
}

/**
 * node-fetch, by which Google's tokens come, uses `url.parse` and punycode, of which Node.js warns outside of node_modules: on the standard error of
 * every mover. It gets what has taken their place.
 */
const urlsInNodeFetch: Plugin = {
  name: 'urls-in-node-fetch',
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]node-fetch[/\\]lib[/\\]index\.m?js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      const contents = text
        .replace(/= Url\.parse;/, '= (text) => Url.urlToHttpOptions(new URL(text));')
        .replace(/^.*whatwg-?url.*from.*$|^.*require\('whatwg-url'\).*$/im, 'const whatwgUrl = {};')
      if (/\bUrl\.parse\b|from 'whatwg-url'|require\('whatwg-url'\)/.test(contents))
        throw new Error(`${path} is another one than it was: does Node.js still warn of it?`)
      return { contents }
    })
  },
}

const { metafile } = await build({
  // The workers are programs of their own, started by the path of their files: beside main.js.
  entryPoints: {
    main: 'src/main.ts',
    'file-hash-worker': 'src/stores/hashing/file-hash-worker.ts',
    'fetch-worker': 'src/stores/s3/lean/threads/fetch-worker.ts',
  },
  outdir,
  bundle: true,
  // Names stay: they are in stack traces, and in what errors say.
  minifyWhitespace: true,
  minifySyntax: true,
  // What is imported when it is needed is a file of its own: a mover reads neither a Kubernetes client nor the SDK of a store that it doesn't open. All
  // in one directory, since code finds the worker beside itself.
  splitting: true,
  chunkNames: 'part-[hash]',
  mainFields: ['module', 'main'],
  platform: 'node',
  target: 'node22',
  format: 'esm',
  sourcemap: 'linked',
  banner: { js: `#!/usr/bin/env node\n${requireForCommonJs}` },
  absWorkingDir: root,
  metafile: true,
  plugins: [urlsInNodeFetch],
})
refuseNameless(metafile)
const made = new Set(Object.keys(metafile.outputs).map((path) => basename(path)))
for (const name of await readdir(outdir)) if (!made.has(name)) await rm(join(outdir, name), { recursive: true })
await chmod(join(outdir, 'main.js'), 0o755)
