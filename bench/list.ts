/** A bare listing of a prefix, and nothing else: what a resync is measured by. Prints how many objects there are. */
import { openStore } from '../src/stores/open.ts'
import { pagesOf } from '../src/stores/pages.ts'

const [bucket = '', prefix = ''] = process.argv.slice(2)
const s3 = { bucket, endpoint: process.env.AWS_ENDPOINT_URL_S3 }
const store = await openStore({ credentialsDir: '', caDir: '' }, { name: 's3', s3, credentials: 'Ambient' })
let count = 0
for await (const page of pagesOf(store, prefix, {})) count += page.length
console.log(count)
await store.close()
