import type { Readable } from 'node:stream'

/** One object as a listing gives it. `key` is the whole key, prefix included. */
export interface ListedObject {
  key: string
  /** bytes */
  size: number
  etag?: string
  /** Version id (S3) or generation (GCS), where the bucket keeps versions. */
  version?: string
  /** milliseconds since 1970 */
  modified?: number
  /** What its bytes must be, where somebody declares it beforehand; lower-case hex. */
  sha256?: string
}

/** What a store says of an object when it is read or written. */
export interface ObjectInfo {
  size: number
  etag?: string
  version?: string
  /** Checksums that the store holds for the whole object, lower-case hex. */
  checksums?: { md5?: string; sha256?: string; crc32c?: string; crc32?: string; crc64nvme?: string; sha1?: string }
}

export interface GetOptions {
  /** First byte and length; the whole object if absent. */
  range?: { offset: number; length: number }
  /** This very version. */
  version?: string
  /** Fails with `changed` if the object has another etag now. */
  ifMatch?: string
  signal?: AbortSignal
}

export interface PutOptions {
  /** Fails with `exists` if there is an object of that key. */
  ifAbsent?: boolean
  /** Fails with `changed` if the object there has another etag. */
  ifMatch?: string
  contentType?: string
  signal?: AbortSignal
}

/** Where the bytes of a download go, each by its place in the object: ranges may come in any order, over several connections. */
export type Target =
  /**
   * A file open for reading and writing, written by position from byte 0 on; what is behind `size` is not touched. Bytes are hashed as they come or
   * read back, perhaps in another thread: it stays open until the call has settled.
   */
  | { fd: number }
  /** Memory of exactly the object's size. */
  | { bytes: Uint8Array }

export interface DownloadOptions {
  /** Bytes that the object has to have: another size is `changed`. */
  size: number
  /** This very version. */
  version?: string
  /** Fails with `changed` if the object has another etag now. */
  ifMatch?: string
  /** What was recorded when the object was first read, lower-case hex: the bytes are checked against it. Without it: against all that the store knows. */
  sha256?: string
  /**
   * Of a file: bytes at its beginning that are there already, brought from this very state of the object. They are summed up and checked with the rest;
   * whether they are fetched again is up to the store.
   */
  have?: number
  /** Hears how many bytes of a file's beginning are written without a gap; 0 whenever it starts over. */
  onWhole?: (bytes: number) => void
  /** Hears of bytes that have arrived; negative counts take back what has to come once more. */
  onBytes?: (count: number) => void
  signal?: AbortSignal
}

/** An upload in parts that outlives its process, where a store knows such. */
export interface ResumableUpload {
  /** One that was begun for the very same bytes: parts of it that have them are not sent again. Nothing is lost if the store knows it no more. */
  id?: string
  /** Hears which upload it is, before any part is sent. */
  started(id: string): void
}

export interface UploadFileOptions extends PutOptions {
  /** With it an upload whose signal is aborted keeps its parts; else whatever fails is taken back. */
  resumable?: ResumableUpload
  /** Bytes of the file that are sent. */
  size: number
  onBytes?: (count: number) => void
}

/** What went over, and the sha256 of it in lower-case hex. */
export interface Transferred {
  info: ObjectInfo
  sha256: string
}

export interface Capabilities {
  putIfAbsent: boolean
  getIfMatch: boolean
  multipartIfAbsent: boolean
  /** The bucket keeps old object versions. */
  versioning: boolean
  checksums: boolean
}

/** Why a store call failed; what to do next follows from it. `retryable` ones were already tried several times inside the store. */
export type StoreFailure =
  | 'not-found' // object or version
  | 'no-bucket'
  | 'changed' // ifMatch refused
  | 'exists' // ifAbsent refused
  | 'no-credentials' // there are none where they should be
  | 'credentials' // wrong or expired
  | 'denied' // known identity, not allowed
  | 'full' // no room, or a quota is used up: transient, but nothing that a try a moment later mends
  | 'corrupt' // bytes differ from what the store itself recorded, after retries
  | 'unreachable' // no connection, no such host, stalled, 5xx, throttled: transient
  | 'invalid' // the request makes no sense to the store

export class StoreError extends Error {
  readonly failure: StoreFailure
  /** The key concerned, if there is one. Messages never hold a credential, a signature or a query string. */
  readonly key: string | undefined
  constructor(failure: StoreFailure, message: string, key?: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StoreError'
    this.failure = failure
    this.key = key
  }
}

/**
 * A bucket or directory. Keys are whole keys. Every call retries what is transient with backoff and jitter, detects stalls (no byte for 30 s by
 * default), and ends in a StoreError otherwise. Nothing is ever buffered beyond a part.
 */
export interface ObjectStore {
  /** For messages: `s3://bucket`, never credentials. */
  readonly name: string
  /** Objects that are worth having under way at once; a store that adapts changes it as it goes. */
  readonly width: number
  /** Where objects are files: the directory that keys are paths under. */
  readonly directory?: string
  /** In the byte order of UTF-8 keys, page by page. `versions`: also asks for the current version id of each object (no request per object; S3 says `null` where it keeps none). */
  list(
    prefix: string,
    options?: { versions?: boolean; startAfter?: string; signal?: AbortSignal },
  ): AsyncIterable<ListedObject>
  /** The same, a page at a time: a promise for each of many objects takes longer than the objects. Absent: the store has no pages. */
  pages?(prefix: string, options?: { startAfter?: string; signal?: AbortSignal }): AsyncIterable<ListedObject[]>
  head(key: string, options?: { version?: string; signal?: AbortSignal }): Promise<ObjectInfo | undefined>
  /**
   * The bytes. The stream itself resumes after a broken connection with a ranged get of the same version or etag (so it never mixes two
   * states: `changed` instead), checks the length, and checks a whole object against the store's own checksum (sha256, md5 etag, crc32c …) where there is one.
   */
  get(key: string, options?: GetOptions): Promise<{ info: ObjectInfo; body: Readable }>
  /**
   * A whole object into a file or memory, verified: `corrupt` if it stays wrong after some tries. All of it is one state of the object, pinned or
   * not. After a failure the target holds anything. The fast way: stores that have none do it by `get` (`downloadByStream`).
   */
  download(key: string, target: Target, options: DownloadOptions): Promise<Transferred>
  /** As `download`, with the bytes kept nowhere: the sha256 alone is wanted. Absent: whoever wants it reads the stream of `get`. */
  sum?(key: string, options: DownloadOptions): Promise<Transferred>
  /** Small objects: at most 8 MiB. Verified by checksum header where the store supports it. */
  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<ObjectInfo>
  /**
   * Big or small: `open(offset, length)` gives the bytes of a range; called for one range after the other, in order, each read to its end before the
   * next (retries come from memory). Multipart and parallel above a part's size.
   * An upload that fails is aborted, so that no parts are left.
   */
  upload(
    key: string,
    size: number,
    open: (offset: number, length: number) => Readable,
    options?: PutOptions,
  ): Promise<ObjectInfo>
  /**
   * The first `size` bytes of a file, each read once, by position, and hashed meanwhile; a shorter file is `changed`. Otherwise as `upload`.
   * The file stays open until the call has settled. Stores without a fast way do it by `upload` (`uploadByStream`).
   */
  uploadFile(key: string, fd: number, options: UploadFileOptions): Promise<Transferred>
  /** Up to 1,000 keys a call inside; a key that is not there is fine. */
  remove(keys: string[], signal?: AbortSignal): Promise<void>
  /** Multipart uploads under the prefix that nobody finished: aborted. Returns how many. */
  abortUploads(prefix: string, signal?: AbortSignal): Promise<number>
  /** What the store can do, found by trying under `prefix` (objects it makes are removed again). */
  probe(prefix: string, signal?: AbortSignal): Promise<Capabilities>
  /** Whether the bucket keeps old object versions, without writing anything; undefined if the credentials may not ask. */
  keepsVersions(signal?: AbortSignal): Promise<boolean | undefined>
  /** Whether a rule of the store itself removes old versions of objects under the prefix; undefined: it does not say. Absent: nothing of the kind is known. */
  removesVersions?(prefix: string, signal?: AbortSignal): Promise<boolean | undefined>
  close(): Promise<void>
}
