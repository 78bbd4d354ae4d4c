import { tagKey, tagsPrefix } from '../../manifest/keys.ts'
import { parseTag, type TagRecord, tagBytes } from '../../manifest/marks.ts'
import type { ObjectStore } from '../../stores/object-store.ts'
import { readSmall } from '../read-small.ts'

/** The tags that were written down in the store, by name. */
export const readTags = async (
  store: ObjectStore,
  prefix: string,
  signal: AbortSignal,
): Promise<Map<string, TagRecord>> => {
  const tags = new Map<string, TagRecord>()
  for await (const { key } of store.list(tagsPrefix(prefix), { signal })) {
    const found = await readSmall(store, key, signal)
    const tag = found && parseTag(found.bytes, key)
    if (tag && tagKey(prefix, tag.name) === key) tags.set(tag.name, tag)
  }
  return tags
}

/** Brings what the store says about tags to what the cluster says. */
export const mirrorTags = async (
  store: ObjectStore,
  prefix: string,
  wanted: readonly Omit<TagRecord, 'layout'>[],
  signal: AbortSignal,
): Promise<void> => {
  const there = await readTags(store, prefix, signal)
  for (const tag of wanted) {
    const old = there.get(tag.name)
    const bytes = tagBytes({ layout: 1, ...tag })
    if (old === undefined || !tagBytes(old).equals(bytes))
      await store.put(tagKey(prefix, tag.name), bytes, { contentType: 'application/json', signal })
  }
  const names = new Set(wanted.map(({ name }) => name))
  const gone = [...there.keys()].filter((name) => !names.has(name))
  if (gone.length > 0)
    await store.remove(
      gone.map((name) => tagKey(prefix, name)),
      signal,
    )
}
