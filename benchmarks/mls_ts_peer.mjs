// ts-mls behind JSON lines: run by mls.py in a folder where it is installed. The protocol is mls_rs_peer.py's.

import { createInterface } from "node:readline"
import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"

const folder = createRequire(process.argv[2] + "/package.json")
const ts = await import(pathToFileURL(folder.resolve("ts-mls")))

const suite = await ts.getCiphersuiteImpl(
  ts.getCiphersuiteFromName("MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"),
)
const credential = { credentialType: "basic", identity: Buffer.from("ts-mls") }
const capabilities = {
  versions: ["mls10"],
  ciphersuites: ["MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"],
  extensions: [],
  proposals: [],
  credentials: ["basic", "x509"],
}
const mls10 = { version: "mls10" }
let client, state

const newClient = async () => {
  client = await ts.generateKeyPackage(credential, capabilities, { notBefore: 0n, notAfter: 2n ** 40n }, [], suite)
}
const unhex = (text) => new Uint8Array(Buffer.from(text, "hex"))
const decode = (bytes) => ts.decodeMlsMessage(bytes, 0)[0]
const timed = async (run) => {
  const began = performance.now()
  const message = await run()
  return { seconds: (performance.now() - began) / 1000, message: Buffer.from(message).toString("hex") }
}

const peer = {
  async key_package() {
    const message = { ...mls10, wireformat: "mls_key_package", keyPackage: client.publicPackage }
    return { message: Buffer.from(ts.encodeMlsMessage(message)).toString("hex") }
  },
  async create({ key_packages }) {
    await newClient()
    const given = key_packages.map(unhex)
    return timed(async () => {
      const { publicPackage, privatePackage } = client
      state = await ts.createGroup(Buffer.from("ts-mls"), publicPackage, privatePackage, [], suite)
      const extraProposals = given.map((each) => ({ proposalType: "add", add: { keyPackage: decode(each).keyPackage } }))
      const context = { state, cipherSuite: suite }
      const made = await ts.createCommit(context, { extraProposals, ratchetTreeExtension: true })
      state = made.newState
      ts.encodeMlsMessage(made.commit)
      return ts.encodeMlsMessage({ ...mls10, wireformat: "mls_welcome", welcome: made.welcome })
    })
  },
  async join({ message }) {
    const given = unhex(message)
    return timed(async () => {
      const { welcome } = decode(given)
      const { publicPackage, privatePackage } = client
      state = await ts.joinGroup(welcome, publicPackage, privatePackage, ts.emptyPskIndex, suite)
      return []
    })
  },
  async update() {
    return timed(async () => {
      const made = await ts.createCommit({ state, cipherSuite: suite })
      state = made.newState
      return ts.encodeMlsMessage(made.commit)
    })
  },
  async process({ message }) {
    const given = unhex(message)
    return timed(async () => {
      const done = await ts.processPrivateMessage(state, decode(given).privateMessage, ts.emptyPskIndex, suite)
      state = done.newState
      return done.kind === "applicationMessage" ? done.message : []
    })
  },
  async encrypt({ data }) {
    const given = unhex(data)
    return timed(async () => {
      const made = await ts.createApplicationMessage(state, given, suite)
      state = made.newState
      const message = { ...mls10, wireformat: "mls_private_message", privateMessage: made.privateMessage }
      return ts.encodeMlsMessage(message)
    })
  },
}

await newClient()
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  console.log(JSON.stringify(await peer[request.do](request)))
}
