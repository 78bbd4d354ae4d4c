import { chmod } from 'node:fs/promises'
import { build } from 'esbuild'

// Some dependencies are CommonJS and call require, which an ES module doesn't have by itself.
const requireForCommonJs =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"

await build({
  // The worker is a program of its own, started by the path of its file: beside main.js.
  entryPoints: { main: 'src/main.ts', 'file-hash-worker': 'src/stores/hashing/file-hash-worker.ts' },
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'esm',
  sourcemap: 'linked',
  banner: { js: `#!/usr/bin/env node\n${requireForCommonJs}` },
  absWorkingDir: new URL('..', import.meta.url).pathname,
})
await chmod(new URL('../dist/main.js', import.meta.url), 0o755)
