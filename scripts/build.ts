import { chmod } from 'node:fs/promises'
import { build } from 'esbuild'

// Some dependencies are CommonJS and call require, which an ES module doesn't have by itself.
const requireForCommonJs =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"

await build({
  entryPoints: ['src/main.ts'],
  outfile: 'dist/main.js',
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'esm',
  sourcemap: 'linked',
  banner: { js: `#!/usr/bin/env node\n${requireForCommonJs}` },
  absWorkingDir: new URL('..', import.meta.url).pathname,
})
await chmod(new URL('../dist/main.js', import.meta.url), 0o755)
