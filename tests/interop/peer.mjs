// Members of one group by ts-mls, behind JSON lines: one request on stdin, one answer on stdout. Bytes are hex.
//
// A request is {op, member, ...}; the answer is {ok: ...} or {error: "..."}. Private keys stay here.

import { createInterface } from "node:readline"
import { p256, p384, p521 } from "@noble/curves/nist.js"
import {
  acceptAll,
  bytesToBase64,
  createApplicationMessage,
  createCommit,
  createGroup,
  createGroupInfoWithExternalPubAndRatchetTree,
  createProposal,
  decodeMlsMessage,
  defaultCapabilities,
  defaultLifetime,
  encodeMlsMessage,
  generateKeyPackageWithKey,
  getCiphersuiteImpl,
  joinGroup,
  joinGroupExternal,
  makePskIndex,
  processPrivateMessage,
  processPublicMessage,
} from "ts-mls"
import { encode } from "ts-mls/codec/tlsEncoder.js"
import { varLenDataEncoder } from "ts-mls/codec/variableLength.js"
import { createGroupInfo } from "ts-mls/createCommit.js"
import { getCiphersuiteFromId } from "ts-mls/crypto/ciphersuite.js"
import { signLeafNodeCommit } from "ts-mls/leafNode.js"
import { decodeProposal } from "ts-mls/proposal.js"

const version = "mls10"
const CURVES = { 2: p256, 5: p521, 7: p384 } // ts-mls makes keys of these compressed: not as section 5.1.1 has them

let suite, suiteNumber
const psks = {}
const members = new Map()

const bytes = (hex) => new Uint8Array(Buffer.from(hex, "hex"))
const hex = (data) => Buffer.from(data).toString("hex")
const decoded = (message) => decodeMlsMessage(bytes(message), 0)[0]
const encoded = (wireformat, field, value) => hex(encodeMlsMessage({ version, wireformat, [field]: value }))
const pskIndex = (state) => makePskIndex(state, psks)
const proposalsOf = (list) => list.map((proposal) => decodeProposal(bytes(proposal), 0)[0])
const ownNode = (state) => 2 * state.privatePath.leafIndex

function standingOf({ state, isRemoved }) {
  return {
    epoch: Number(state.groupContext.epoch),
    authenticator: hex(state.keySchedule.epochAuthenticator),
    leaf: state.privatePath.leafIndex,
    isRemoved: Boolean(isRemoved),
  }
}

async function signatureKeys() {
  const curve = CURVES[suiteNumber]
  if (curve === undefined) return suite.signature.keygen()
  const signKey = curve.utils.randomSecretKey()
  return { signKey, publicKey: curve.getPublicKey(signKey, false) }
}

async function newKeyPackage(member, keys) {
  const credential = { credentialType: "basic", identity: new TextEncoder().encode(member) }
  const signing = keys ?? (await signatureKeys())
  const pair = await generateKeyPackageWithKey(
    credential,
    defaultCapabilities(),
    defaultLifetime,
    [],
    signing,
    suite,
  )
  return { ...pair, signing, updates: [] }
}

function enter(member, state) {
  Object.assign(members.get(member), { state, pending: undefined, updates: [] })
  return standingOf(members.get(member))
}

// ts-mls keeps no private key for an Update of its own: it is put in place before the commit that takes it.
async function withOwnUpdate({ state, updates }, receive) {
  if (updates.length === 0) return state
  let taken
  await receive(state, ({ kind, proposals }) => {
    if (kind === "commit")
      taken = proposals.find(
        (p) => p.proposal.proposalType === "update" && p.senderLeafIndex === state.privatePath.leafIndex,
      )
    return "reject"
  })
  if (taken === undefined) return state
  const key = hex(taken.proposal.update.leafNode.hpkePublicKey)
  const { secret } = updates.find(({ publicKey }) => hex(publicKey) === key)
  const privateKeys = { ...state.privatePath.privateKeys, [ownNode(state)]: secret }
  return { ...state, privatePath: { ...state.privatePath, privateKeys } }
}

const operations = {
  async open({ suite: number }) {
    suite = await getCiphersuiteImpl(getCiphersuiteFromId(number))
    suiteNumber = number
    return {}
  },

  async psk({ id, secret }) {
    psks[bytesToBase64(bytes(id))] = bytes(secret)
    return {}
  },

  async keyPackage({ member }) {
    members.set(member, await newKeyPackage(member))
    return { message: encoded("mls_key_package", "keyPackage", members.get(member).publicPackage) }
  },

  async create({ member, groupId }) {
    const made = await newKeyPackage(member)
    members.set(member, made)
    return enter(member, await createGroup(bytes(groupId), made.publicPackage, made.privatePackage, [], suite))
  },

  async join({ member, welcome }) {
    const { publicPackage, privatePackage } = members.get(member)
    const opened = decoded(welcome).welcome
    return enter(member, await joinGroup(opened, publicPackage, privatePackage, pskIndex(), suite))
  },

  async say({ member, data }) {
    const made = members.get(member)
    const { newState, privateMessage } = await createApplicationMessage(made.state, bytes(data), suite)
    made.state = newState
    return { message: encoded("mls_private_message", "privateMessage", privateMessage) }
  },

  async propose({ member, proposal, isPublic }) {
    const made = members.get(member)
    const [inside] = proposalsOf([proposal])
    const { newState, message } = await createProposal(made.state, isPublic, inside, suite)
    made.state = newState
    return { message: hex(encodeMlsMessage(message)) }
  },

  async proposeUpdate({ member, isPublic }) {
    const made = members.get(member)
    const { state } = made
    const { leaf } = state.ratchetTree[ownNode(state)]
    const pair = await suite.hpke.generateKeyPair()
    const publicKey = await suite.hpke.exportPublicKey(pair.publicKey)
    const leafNode = await signLeafNodeCommit( // signs any source: what it is of is in leafNodeSource
      {
        leafNodeSource: "update",
        hpkePublicKey: publicKey,
        signaturePublicKey: leaf.signaturePublicKey,
        credential: leaf.credential,
        capabilities: leaf.capabilities,
        extensions: leaf.extensions,
        groupId: state.groupContext.groupId,
        leafIndex: state.privatePath.leafIndex,
      },
      state.signaturePrivateKey,
      suite.signature,
    )
    const proposal = { proposalType: "update", update: { leafNode } }
    const { newState, message } = await createProposal(state, isPublic, proposal, suite)
    made.state = newState
    made.updates.push({ publicKey, secret: await suite.hpke.exportPrivateKey(pair.privateKey) })
    return { message: hex(encodeMlsMessage(message)) }
  },

  // takes all that stands: ts-mls gives no choice
  async commit({ member, proposals, isPublic }) {
    const made = members.get(member)
    const { newState, commit, welcome } = await createCommit(
      { state: made.state, pskIndex: pskIndex(made.state), cipherSuite: suite },
      { wireAsPublicMessage: isPublic, extraProposals: proposalsOf(proposals), ratchetTreeExtension: true },
    )
    made.pending = newState
    return {
      message: hex(encodeMlsMessage(commit)),
      welcome: welcome && encoded("mls_welcome", "welcome", welcome),
    }
  },

  async merge({ member }) {
    return enter(member, members.get(member).pending)
  },

  async hear({ member, message }) {
    const made = members.get(member)
    const { wireformat, publicMessage, privateMessage } = decoded(message)
    const receive = (state, callback) =>
      wireformat === "mls_public_message"
        ? processPublicMessage(state, publicMessage, pskIndex(state), suite, callback)
        : processPrivateMessage(state, privateMessage, pskIndex(state), suite, callback)
    const state = await withOwnUpdate(made, receive)
    const { newState, message: data } = await receive(state, acceptAll)
    if (newState.groupContext.epoch !== state.groupContext.epoch) return enter(member, newState)
    made.state = newState
    made.isRemoved = newState.groupActiveState.kind === "removedFromGroup"
    return { ...standingOf(made), data: data && hex(data) }
  },

  // ts-mls writes and reads the key of external_pub without its length, which section 12.4.3.2 puts before it
  async groupInfo({ member, isForTheirs }) {
    const { state } = members.get(member)
    let info = await createGroupInfoWithExternalPubAndRatchetTree(state, [], suite)
    if (!isForTheirs) {
      const extensions = info.extensions.map((extension) =>
        extension.extensionType === "external_pub"
          ? { ...extension, extensionData: encode(varLenDataEncoder)(extension.extensionData) }
          : extension,
      )
      info = await createGroupInfo(state.groupContext, state.confirmationTag, state, extensions, suite)
    }
    return { message: encoded("mls_group_info", "groupInfo", info) }
  },

  async joinByCommit({ member, groupInfo, isResync }) {
    const made = await newKeyPackage(member, members.get(member)?.signing)
    members.set(member, made)
    const { publicMessage, newState } = await joinGroupExternal(
      decoded(groupInfo).groupInfo,
      made.publicPackage,
      made.privatePackage,
      isResync,
      suite,
    )
    made.pending = newState
    return { message: encoded("mls_public_message", "publicMessage", publicMessage) }
  },

  async forget({ member }) {
    members.delete(member)
    return {}
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  let answer
  try {
    answer = { ok: await operations[request.op](request) }
  } catch (error) {
    answer = { error: `${error.name}: ${error.message}` }
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
