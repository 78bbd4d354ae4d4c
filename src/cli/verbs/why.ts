import { findCondition } from '../../api/conditions.ts'
import type { Dataset } from '../../api/dataset.ts'
import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import type { Condition } from '../../api/meta.ts'
import { annotations, labels } from '../../api/names.ts'
import type { Reason } from '../../api/reasons/reason.ts'
import { reasons } from '../../api/reasons.ts'
import type { PodObject } from '../../desired/objects.ts'
import type { Claim } from '../../desired/volumes.ts'
import type { Context, Run } from '../command.ts'
import { CommandError, exit } from '../exit.ts'
import { getIfThere } from '../lookup.ts'
import { show } from '../print.ts'

/** One thing that waits, or says that nothing does. */
export interface Finding {
  /** `Dataset mnist` */
  about: string
  waits: boolean
  reason?: string
  message: string
  /** What a person does about it. */
  remedy?: string
}

const remedyOf = (reason: string | undefined): { remedy?: string } => {
  const known = (reasons as Record<string, Reason | undefined>)[reason ?? '']
  return known === undefined || known.remedy === 'Nothing.' ? {} : { remedy: known.remedy }
}

const fromCondition = (about: string, condition: Condition | undefined): Finding => {
  if (condition === undefined)
    return { about, waits: true, message: 'nobody has looked at it yet: is the operator running?' }
  const { status, reason, message } = condition
  if (status === 'True') return { about, waits: false, reason, message }
  return { about, waits: true, reason, message, ...remedyOf(reason) }
}

/** Conditions beside Ready that a person wants to know of when they are not as they should be. */
const bad: Record<string, Condition['status']> = {
  SourceReachable: 'False',
  StoreReachable: 'False',
  Mirrored: 'False',
  Verified: 'False',
  Degraded: 'True',
  DeletionBlocked: 'True',
  TagShadowed: 'True',
}

const aboutConditions = (about: string, conditions: Condition[] | undefined): Finding[] => {
  const ready = findCondition(conditions, 'Ready')
  const others = (conditions ?? []).filter(
    ({ type, status, message }) => bad[type] === status && message !== ready?.message,
  )
  return [
    fromCondition(about, ready),
    ...others.map(({ type, reason, message }) => ({
      about: `${about}, ${type}`,
      waits: true,
      reason,
      message,
      ...remedyOf(reason),
    })),
  ]
}

const aboutVersion = ({ metadata, status }: DatasetVersion): Finding[] => {
  const phase = status?.phase ?? 'Pending'
  const about = `DatasetVersion ${metadata.name} (${phase})`
  const progress = status?.progress?.summary
  return aboutConditions(about, status?.conditions).map((finding) => ({
    ...finding,
    message: finding.waits && progress !== undefined ? `${finding.message} (${progress})` : finding.message,
  }))
}

const aboutClaim = ({ metadata, status }: Claim): Finding => {
  const about = `PersistentVolumeClaim ${metadata.name}`
  const said = metadata.annotations?.[annotations.waiting]
  const phase = status?.phase ?? 'Pending'
  if (phase === 'Bound') return { about, waits: false, message: 'has its volume' }
  if (said === undefined) return { about, waits: true, message: `is ${phase}; its events say more` }
  const [reason = '', ...words] = said.split(': ')
  return { about, waits: true, reason, message: words.join(': '), ...remedyOf(reason) }
}

const settled = ['Committed', 'Abandoned', 'Expired']

const claimsAbout = ({ metadata }: Dataset, claims: readonly Claim[]): Claim[] =>
  claims.filter(({ spec, metadata: own }) => {
    const ref = spec.dataSourceRef
    const ours = ref?.apiGroup === kinds.group && ref.kind === kinds.Dataset.kind && ref.name === metadata.name
    return ours || own.labels?.[labels.dataset] === metadata.name
  })

const aboutDataset = async (context: Context, dataset: Dataset): Promise<Finding[]> => {
  const { client, signal } = context
  const { name, namespace = '' } = dataset.metadata
  const [versions, claims] = await Promise.all([
    client.list<DatasetVersion>(kinds.DatasetVersion, { namespace, signal }),
    client.list<Claim>(kinds.Claim, { namespace, signal }),
  ])
  const open = versions.items.filter(
    ({ spec, status }) => spec.dataset === name && !settled.includes(status?.phase ?? 'Pending'),
  )
  const unbound = claimsAbout(dataset, claims.items).filter(({ status }) => status?.phase !== 'Bound')
  return [
    ...aboutConditions(`Dataset ${name}`, dataset.status?.conditions),
    ...open.flatMap(aboutVersion),
    ...unbound.map(aboutClaim),
  ]
}

const aboutPod = async (context: Context, pod: PodObject): Promise<Finding[]> => {
  const { name, namespace = '' } = pod.metadata
  const phase = pod.status?.phase ?? 'Pending'
  const scheduled = pod.status?.conditions?.find(({ type, status }) => type === 'PodScheduled' && status === 'False')
  const own: Finding = {
    about: `Pod ${name}`,
    waits: phase === 'Pending',
    message: scheduled?.message ?? `is ${phase}`,
    ...(scheduled?.reason === undefined ? {} : { reason: scheduled.reason }),
  }
  const names = (pod.spec?.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim) return [volume.persistentVolumeClaim.claimName]
    return volume.ephemeral ? [`${name}-${volume.name}`] : []
  })
  const claims = await Promise.all(
    names.map(async (claim) => {
      const found = await getIfThere<Claim>(context, kinds.Claim, namespace, claim)
      return found === undefined
        ? { about: `PersistentVolumeClaim ${claim}`, waits: true, message: 'does not exist' }
        : aboutClaim(found)
    }),
  )
  return [own, ...claims]
}

const sentence = ({ about, waits, reason, message, remedy }: Finding): string =>
  [
    `${about}: ${reason === undefined || !waits ? '' : `${reason}: `}${message}`,
    ...(waits && remedy ? [`  → ${remedy}`] : []),
  ].join('\n')

/** Says what something of that name waits for: a Dataset, a version, a claim or a pod. */
export const why: Run = async (context, [name = '']) => {
  const { namespace } = context
  const [dataset, version, claim, pod] = await Promise.all([
    getIfThere<Dataset>(context, kinds.Dataset, namespace, name),
    getIfThere<DatasetVersion>(context, kinds.DatasetVersion, namespace, name),
    getIfThere<Claim>(context, kinds.Claim, namespace, name),
    getIfThere<PodObject>(context, kinds.Pod, namespace, name),
  ])
  const findings = [
    ...(dataset === undefined ? [] : await aboutDataset(context, dataset)),
    ...(version === undefined ? [] : aboutVersion(version)),
    ...(claim === undefined ? [] : [aboutClaim(claim)]),
    ...(pod === undefined ? [] : await aboutPod(context, pod)),
  ]
  if (findings.length === 0)
    throw new CommandError(
      exit.notFound,
      `there is no Dataset, DatasetVersion, PersistentVolumeClaim or Pod ${name} in namespace ${namespace}`,
    )
  const [first] = findings
  const shown = findings.some(({ waits }) => waits) ? findings.filter(({ waits }) => waits) : [first!]
  show(context, findings, () => shown.map(sentence).join('\n'))
}
