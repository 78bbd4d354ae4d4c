import type { Reason } from '../../src/api/reasons/reason.ts'
import { reasons } from '../../src/api/reasons.ts'

const kinds: Record<Reason['kind'], string> = {
  terminal: 'A person must change something. Nothing is retried until then.',
  wait: 'Granary looks again by itself, with backoff. What is to be done makes it go on sooner, or at all.',
  info: 'Nothing is wrong.',
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')

/** docs/reasons.md. */
export const reasonsPage = (): string => {
  const rows = Object.entries<Reason>(reasons)
  const table = (kind: Reason['kind']) =>
    rows
      .filter(([, reason]) => reason.kind === kind)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, r]) => `| \`${name}\` | ${r.condition} | ${cell(r.meaning)} | ${cell(r.remedy)} |`)
  const section = (kind: Reason['kind']) => [
    `## ${kind}`,
    '',
    kinds[kind],
    '',
    '| reason | where | what it means | what to do |',
    '|---|---|---|---|',
    ...table(kind),
    '',
  ]
  return [
    '<!-- Generated from src/api/reasons.ts by `npm run generate`; do not edit. -->',
    '# Reasons',
    '',
    'The words in the REASON column of `kubectl get -o wide`, in conditions and in events. "Where" is the condition that usually carries the reason; a reason',
    'that keeps an object from being ready stands in `Ready` (or `Stalled`) too.',
    '',
    ...section('terminal'),
    ...section('wait'),
    ...section('info'),
  ].join('\n')
}
