-- Wireshark's dissector for Coterie: what its channel shows to everybody, and with a key log what is inside.
--
-- For Wireshark and tshark from 3.6 to 4.2, which have Lua 5.2. The rules are those of docs/reference/protocol.md, section 1:
--
--     TCP stream     = messages, each behind its length (4 bytes, big endian)
--     message        = handshake message 1 | handshake message 2 | record
--     record         = AES-256-GCM of (type, 1 byte ‖ payload), and its tag; the counter is the nonce
--     data payloads  = one stream in each direction: frames, each behind its length (4 bytes, big endian)
--     frame          = MessagePack
--
-- The key log is what `coterie --keylog FILE` writes. Name it in the preferences (Protocols, COTERIE), with
-- -o coterie.keylog:FILE, or by COTERIE_KEYLOG. To look, the tag need not be checked, and is not.

if bit32 == nil then
    print("coterie.lua needs Lua 5.2, and this is " .. _VERSION)
    return
end

local coterie = Proto("coterie", "Coterie")

local PORT = 7617
local LENGTH_SIZE, TAG_SIZE, MAX_MESSAGE = 4, 16, 65535
local MESSAGE_1_SIZE = 256 + 1184
local MESSAGE_2_SIZE = 256 + 1104 + 272 + 16
local SESSION_SIZE = 32 -- of message 1: by it the key log knows a connection
local MAX_FRAME = 24 * 2 ^ 20
local MAX_ITEMS = 5000 -- values shown of one frame
local MAX_DEPTH = 8 -- of values in values; frames have four
local MAX_TEXT, MAX_BYTES = 200, 32 -- shown of a text, and of bytes, in the tree

-- AES-256 in counter mode: FIPS 197, by tables; SP 800-38D's GCTR --------------------------------

local bxor, band, rshift, extract = bit32.bxor, bit32.band, bit32.rshift, bit32.extract
local byte, char, concat, floor = string.byte, string.char, table.concat, math.floor

local SBOX = {} -- 0 ... 255
local T0, T1, T2, T3 = {}, {}, {}, {} -- SubBytes, ShiftRows and MixColumns of one byte in each row
local F0, F1, F2, F3 = {}, {}, {}, {} -- the same of the last round, which mixes no columns

local function double(x)
    return x < 128 and 2 * x or bxor(2 * x, 0x11b)
end

local function make_tables()
    local exponents, logarithms, power = {}, {}, 1
    for i = 0, 254 do -- 3 generates the field
        exponents[i], logarithms[power] = power, i
        power = bxor(power, double(power))
    end
    for x = 0, 255 do
        local inverse = x == 0 and 0 or exponents[(255 - logarithms[x]) % 255]
        local s = inverse
        for shift = 1, 4 do
            s = bxor(s, band(bit32.bor(inverse * 2 ^ shift, rshift(inverse, 8 - shift)), 255))
        end
        s = bxor(s, 0x63)
        local twice = double(s)
        local thrice = bxor(twice, s)
        SBOX[x] = s
        T0[x] = twice * 0x1000000 + s * 0x10000 + s * 0x100 + thrice
        T1[x] = thrice * 0x1000000 + twice * 0x10000 + s * 0x100 + s
        T2[x] = s * 0x1000000 + thrice * 0x10000 + twice * 0x100 + s
        T3[x] = s * 0x1000000 + s * 0x10000 + thrice * 0x100 + twice
        F0[x], F1[x], F2[x], F3[x] = s * 0x1000000, s * 0x10000, s * 0x100, s
    end
end

make_tables()

local function substitute(word)
    return F0[rshift(word, 24)] + F1[extract(word, 16, 8)] + F2[extract(word, 8, 8)] + F3[band(word, 255)]
end

local function word_at(text, position)
    local a, b, c, d = byte(text, position, position + 3)
    return a * 0x1000000 + b * 0x10000 + c * 0x100 + d
end

-- The 60 words of a key of 32 bytes.
local function expand_key(key)
    local words, constant = {}, 1
    for i = 0, 7 do
        words[i + 1] = word_at(key, 4 * i + 1)
    end
    for i = 8, 59 do
        local word = words[i]
        if i % 8 == 0 then
            word = bxor(substitute(bit32.lrotate(word, 8)), constant * 0x1000000)
            constant = double(constant)
        elseif i % 8 == 4 then
            word = substitute(word)
        end
        words[i + 1] = bxor(words[i - 7], word)
    end
    return words
end

-- The text under an expanded key and the counter n, without its tag.
local function decrypt(k, n, text)
    local out, size = {}, #text
    local padded = text .. string.rep("\0", -size % 16)
    local n1, n2 = bxor(floor(n / 2 ^ 32), k[2]), bxor(n % 2 ^ 32, k[3])
    for block = 0, #padded / 16 - 1 do
        local a, b, c, d = k[1], n1, n2, bxor(block + 2, k[4]) -- 1 is the tag's
        for i = 5, 53, 4 do
            a, b, c, d =
                bxor(T0[rshift(a, 24)], T1[extract(b, 16, 8)], T2[extract(c, 8, 8)], T3[band(d, 255)], k[i]),
                bxor(T0[rshift(b, 24)], T1[extract(c, 16, 8)], T2[extract(d, 8, 8)], T3[band(a, 255)], k[i + 1]),
                bxor(T0[rshift(c, 24)], T1[extract(d, 16, 8)], T2[extract(a, 8, 8)], T3[band(b, 255)], k[i + 2]),
                bxor(T0[rshift(d, 24)], T1[extract(a, 16, 8)], T2[extract(b, 8, 8)], T3[band(c, 255)], k[i + 3])
        end
        local at = 16 * block + 1
        a, b, c, d =
            bxor(F0[rshift(a, 24)], F1[extract(b, 16, 8)], F2[extract(c, 8, 8)], F3[band(d, 255)], k[57], word_at(padded, at)),
            bxor(F0[rshift(b, 24)], F1[extract(c, 16, 8)], F2[extract(d, 8, 8)], F3[band(a, 255)], k[58], word_at(padded, at + 4)),
            bxor(F0[rshift(c, 24)], F1[extract(d, 16, 8)], F2[extract(a, 8, 8)], F3[band(b, 255)], k[59], word_at(padded, at + 8)),
            bxor(F0[rshift(d, 24)], F1[extract(a, 16, 8)], F2[extract(b, 8, 8)], F3[band(c, 255)], k[60], word_at(padded, at + 12))
        out[block + 1] = char(
            rshift(a, 24), extract(a, 16, 8), extract(a, 8, 8), band(a, 255),
            rshift(b, 24), extract(b, 16, 8), extract(b, 8, 8), band(b, 255),
            rshift(c, 24), extract(c, 16, 8), extract(c, 8, 8), band(c, 255),
            rshift(d, 24), extract(d, 16, 8), extract(d, 8, 8), band(d, 255)
        )
    end
    return concat(out):sub(1, size)
end

-- The key log ------------------------------------------------------------------------------------

coterie.prefs.keylog = Pref.string("Key log", "", "The file that `coterie --keylog FILE` writes; else COTERIE_KEYLOG")

local log_path, log_file, log_line -- log_line: the beginning of one that is being written
local log_keys = {} -- by session and sender: { first_record, n, key }, in the order of first_record

local function take_line(line)
    local session, sender, first, n, key = line:match("^COTERIE_RECORD_KEY (%x+) (%a+) (%d+) (%d+) (%x+)\r?\n$")
    if session == nil or #session ~= 2 * SESSION_SIZE or #key ~= 64 or #first > 15 or #n > 15 then
        return
    end
    local id = session:lower() .. sender
    local bytes = key:gsub("%x%x", function(hex)
        return char(tonumber(hex, 16))
    end)
    local keys = log_keys[id] or {}
    log_keys[id] = keys
    local place = #keys + 1
    while place > 1 and keys[place - 1].first > tonumber(first) do
        place = place - 1
    end
    table.insert(keys, place, { first = tonumber(first), n = tonumber(n), key = bytes })
end

-- Reads what has come since the last time.
local function read_log()
    local path = coterie.prefs.keylog
    if path == nil or path == "" then
        path = os.getenv("COTERIE_KEYLOG") or ""
    end
    if path ~= log_path then
        if log_file then
            log_file:close()
        end
        log_path, log_file, log_line, log_keys = path, nil, "", {}
    end
    if log_file == nil and path ~= "" then
        log_file = io.open(path, "rb")
    end
    if log_file == nil then
        return
    end
    log_file:seek("cur", 0) -- forgets that the end was reached
    local part = log_file:read("*L")
    while part do
        log_line = log_line .. part
        if log_line:sub(-1) == "\n" then
            take_line(log_line)
            log_line = ""
        elseif #log_line > 1000 then
            log_line = ""
        end
        part = log_file:read("*L")
    end
end

-- The key of a side's record, none where the log has none, or only one that an exchange has ended.
local function find_key(id, side, number)
    local keys = log_keys[id] or {}
    for place = #keys, 1, -1 do
        local key = keys[place]
        if key.first <= number then
            return key.first >= side.key_begins and key or nil
        end
    end
    return nil
end

-- Fields -----------------------------------------------------------------------------------------

local f = {
    length = ProtoField.uint32("coterie.length", "Length", base.DEC),
    garbage = ProtoField.bytes("coterie.garbage", "No Noise message"),
    handshake = ProtoField.uint8("coterie.handshake", "Handshake message", base.DEC),
    e = ProtoField.bytes("coterie.e", "e: ephemeral FFDHE2048 public value"),
    e1 = ProtoField.bytes("coterie.e1", "e1: ephemeral ML-KEM-768 public key"),
    ekem1 = ProtoField.bytes("coterie.ekem1", "ekem1: ML-KEM-768 ciphertext, encrypted"),
    s = ProtoField.bytes("coterie.s", "s: the server's static FFDHE2048 public value, encrypted"),
    tag = ProtoField.bytes("coterie.tag", "Tag"),
    mixed = ProtoField.string("coterie.token", "Token"),
    sender = ProtoField.string("coterie.sender", "Sender"),
    record = ProtoField.uint32("coterie.record", "Record", base.DEC),
    ciphertext = ProtoField.bytes("coterie.ciphertext", "Ciphertext"),
    n = ProtoField.uint32("coterie.n", "Counter", base.DEC),
    type = ProtoField.uint8("coterie.type", "Type", base.DEC, { [0] = "data", "rekey", "renew", "close" }),
    data = ProtoField.bytes("coterie.data", "Stream"),
    frame = ProtoField.string("coterie.frame", "Frame"),
    frame_size = ProtoField.uint32("coterie.frame.length", "Length", base.DEC),
    frame_id = ProtoField.uint64("coterie.frame.id", "Request id", base.DEC),
    value = ProtoField.string("coterie.value", "Value"),
    text = ProtoField.string("coterie.text", "Text"),
    bytes = ProtoField.bytes("coterie.bytes", "Bytes"),
    mls = ProtoField.uint16("coterie.mls", "MLS message", base.DEC, {
        "PublicMessage", "PrivateMessage", "Welcome", "GroupInfo", "KeyPackage",
    }),
    mls_group = ProtoField.bytes("coterie.mls.group_id", "group_id"),
    mls_epoch = ProtoField.uint64("coterie.mls.epoch", "epoch", base.DEC),
    mls_content = ProtoField.uint8("coterie.mls.content_type", "content_type", base.DEC, {
        "application", "proposal", "commit",
    }),
    mls_data = ProtoField.bytes("coterie.mls.authenticated_data", "authenticated_data"),
    mls_sender = ProtoField.bytes("coterie.mls.encrypted_sender_data", "encrypted_sender_data (ciphertext)"),
    mls_ciphertext = ProtoField.bytes("coterie.mls.ciphertext", "ciphertext"),
    mls_suite = ProtoField.uint16("coterie.mls.cipher_suite", "cipher_suite", base.HEX),
    mls_rest = ProtoField.bytes("coterie.mls.rest", "The rest"),
    message_id = ProtoField.bytes("coterie.mls.message_id", "message_id"),
    read_to = ProtoField.uint64("coterie.mls.seq", "Read up to seq", base.DEC),
    chain = ProtoField.bytes("coterie.mls.chain", "Chain there"),
}
local expert = {
    malformed = ProtoExpert.new("coterie.malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR),
    closed = ProtoExpert.new("coterie.unopened", "Not opened", expert.group.DECRYPTION, expert.severity.NOTE),
}
do
    local fields, experts = {}, {}
    for _, field in pairs(f) do
        fields[#fields + 1] = field
    end
    for _, one in pairs(expert) do
        experts[#experts + 1] = one
    end
    coterie.fields, coterie.experts = fields, experts
end

-- MLS: what its messages show, RFC 9420 sections 6 and 2.1.2 ---------------------------------------

-- A cursor takes ranges from the front of a range, and nil where there is not enough.
local function cursor_on(range)
    return { range = range, at = 0, size = range:len() }
end

local function take(cursor, size)
    if size == nil or size > cursor.size - cursor.at then
        return nil
    end
    local at = cursor.at
    cursor.at = at + size
    return size > 0 and cursor.range:range(at, size) or false -- Wireshark has no empty ranges
end

local function take_number(cursor, size)
    local range = take(cursor, size)
    return range and range:uint(), range
end

-- A vector of variable size: its content, false where it is empty, nil where it is cut off.
local function take_vector(cursor)
    local first = take_number(cursor, 1)
    if first == nil or first >= 192 then
        return nil
    end
    local size = first % 64
    for _ = 1, 2 ^ floor(first / 64) - 1 do
        local following = take_number(cursor, 1)
        if following == nil then
            return nil
        end
        size = size * 256 + following
    end
    return take(cursor, size)
end

local function add_vector(tree, field, cursor)
    local range = take_vector(cursor)
    if range then
        return range, tree:add(field, range)
    end
    return range
end

local function add_fixed(tree, field, cursor, size)
    local range = take(cursor, size)
    if range then
        tree:add(field, range)
    end
    return range
end

local function add_authenticated_data(tree, cursor)
    local range, item = add_vector(tree, f.mls_data, cursor)
    if range and range:len() == 56 then -- docs/reference/protocol.md, section 2, "Chain"
        item:add(f.message_id, range:range(0, 16))
        item:add(f.read_to, range:range(16, 8))
        item:add(f.chain, range:range(24, 32))
    end
    return range
end

local mls_bodies = {
    [1] = function(tree, cursor)
        if add_vector(tree, f.mls_group, cursor) == nil or not add_fixed(tree, f.mls_epoch, cursor, 8) then
            return false
        end
        local sender = take_number(cursor, 1)
        if sender == nil or ((sender == 1 or sender == 2) and not take(cursor, 4)) then
            return false
        end
        return add_authenticated_data(tree, cursor) ~= nil and add_fixed(tree, f.mls_content, cursor, 1) ~= nil
    end,
    [2] = function(tree, cursor)
        return add_vector(tree, f.mls_group, cursor) ~= nil
            and add_fixed(tree, f.mls_epoch, cursor, 8) ~= nil
            and add_fixed(tree, f.mls_content, cursor, 1) ~= nil
            and add_authenticated_data(tree, cursor) ~= nil
            and add_vector(tree, f.mls_sender, cursor) ~= nil
            and add_vector(tree, f.mls_ciphertext, cursor) ~= nil
    end,
    [3] = function(tree, cursor)
        return add_fixed(tree, f.mls_suite, cursor, 2) ~= nil
    end,
    [4] = function(tree, cursor)
        return take_number(cursor, 2) ~= nil
            and add_fixed(tree, f.mls_suite, cursor, 2) ~= nil
            and add_vector(tree, f.mls_group, cursor) ~= nil
            and add_fixed(tree, f.mls_epoch, cursor, 8) ~= nil
    end,
    [5] = function(tree, cursor)
        return take_number(cursor, 2) ~= nil and add_fixed(tree, f.mls_suite, cursor, 2) ~= nil
    end,
}

-- Shows the clear header of what may be an MLS message; a successor's body, for one, is none.
local function show_mls(tree, range)
    local cursor = cursor_on(range)
    local version = take_number(cursor, 2)
    local format, format_range = take_number(cursor, 2)
    if version ~= 1 or format == nil or mls_bodies[format] == nil then
        return
    end
    local item = tree:add(f.mls, format_range)
    if not mls_bodies[format](item, cursor) then
        item:add_proto_expert_info(expert.malformed, "an MLS message that is cut off")
    elseif cursor.at < cursor.size then
        item:add(f.mls_rest, take(cursor, cursor.size - cursor.at))
    end
end

local holds_mls = { body = true, welcome = true, key_package = true, one_time = true, last_resort = true }

-- Frames: MessagePack ------------------------------------------------------------------------------

-- What a value begins with: its kind, and a size in bytes, or a number of values within. nil where it is none of ours.
local function take_head(cursor)
    local tag = take_number(cursor, 1)
    if tag == nil then
        return nil
    elseif tag < 0x80 or tag >= 0xe0 then
        return "simple", tag < 0x80 and tag or tag - 256
    elseif tag < 0x90 then
        return "map", tag - 0x80
    elseif tag < 0xa0 then
        return "array", tag - 0x90
    elseif tag < 0xc0 then
        return "text", tag - 0xa0
    elseif tag == 0xc0 then
        return "simple", "nil"
    elseif tag == 0xc2 or tag == 0xc3 then
        return "simple", tag == 0xc3 and "true" or "false"
    elseif tag >= 0xc4 and tag <= 0xc6 then
        return "bytes", (take_number(cursor, 2 ^ (tag - 0xc4)))
    elseif tag == 0xca or tag == 0xcb then
        return "float", tag == 0xca and 4 or 8
    elseif tag >= 0xcc and tag <= 0xcf then
        return "unsigned", 2 ^ (tag - 0xcc)
    elseif tag >= 0xd0 and tag <= 0xd3 then
        return "signed", 2 ^ (tag - 0xd0)
    elseif tag >= 0xd9 and tag <= 0xdb then
        return "text", (take_number(cursor, 2 ^ (tag - 0xd9)))
    elseif tag == 0xdc or tag == 0xdd then
        return "array", (take_number(cursor, 2 ^ (tag - 0xdb)))
    elseif tag == 0xde or tag == 0xdf then
        return "map", (take_number(cursor, 2 ^ (tag - 0xdd)))
    end
    return nil
end

-- The beginning of a text, which others wrote: what would command a terminal is taken out.
local function text_of(range)
    local text = range:range(0, math.min(range:len(), MAX_TEXT)):string(ENC_UTF_8)
    return (text:gsub("%c", "?"))
end

-- A text, or nil where there is none; it stands for keys and tags, which are short.
local function take_text(cursor)
    local kind, size = take_head(cursor)
    local range = kind == "text" and take(cursor, size)
    if range == nil then
        return nil
    end
    if range == false then
        return kind == "text" and "" or nil
    end
    return text_of(range)
end

local numbers = {
    float = function(range)
        return tostring(range:float())
    end,
    unsigned = function(range)
        return tostring(range:uint64())
    end,
    signed = function(range)
        return tostring(range:int64())
    end,
}

local show_value -- below

-- The values within an array or a map. Returns nil where one is malformed, false where enough were shown.
local function show_within(tree, cursor, kind, count, name, depth)
    if depth > MAX_DEPTH then
        return nil
    end
    for i = 1, count do
        local label = kind == "map" and take_text(cursor) or name
        if label == nil then
            return nil
        end
        local is_shown = show_value(tree, cursor, label, depth)
        if not is_shown then
            return is_shown
        end
    end
    return true
end

-- One value as a line of the tree, with what is in it. Returns as show_within.
show_value = function(tree, cursor, name, depth)
    cursor.items = (cursor.items or 0) + 1
    if cursor.items > MAX_ITEMS then
        tree:add(f.value, "and more"):set_generated()
        return false
    end
    local start = cursor.at
    local kind, size = take_head(cursor)
    if kind == nil or size == nil then
        return nil
    end
    if kind == "simple" then
        tree:add(f.value, cursor.range:range(start, cursor.at - start), tostring(size)):set_text(name .. ": " .. size)
        return true
    end
    if kind == "map" or kind == "array" then
        local item = tree:add(f.value, cursor.range:range(start, cursor.at - start), name)
        item:set_text(string.format("%s (%d)", name, size))
        return show_within(item, cursor, kind, size, name, depth + 1)
    end
    local range = take(cursor, size)
    if range == nil then
        return nil
    elseif range == false then
        tree:add(f.value, cursor.range:range(start, cursor.at - start), ""):set_text(name .. ": empty")
    elseif kind == "text" then
        local text = text_of(range)
        tree:add(f.text, range, text):set_text(name .. ": " .. text)
    elseif kind == "bytes" then
        local shown = range:range(0, math.min(size, MAX_BYTES)):bytes():tohex(true)
        local item = tree:add(f.bytes, range)
        item:set_text(string.format("%s: %s%s (%d bytes)", name, shown, size > MAX_BYTES and "…" or "", size))
        if holds_mls[name] then
            show_mls(item, range)
        end
    else
        tree:add(f.value, range, numbers[kind](range)):set_text(name .. ": " .. numbers[kind](range))
    end
    return true
end

-- Where a frame is a request, a reply or an event: [id, body], ["r", id, body], ["e", body].
local function take_envelope(cursor)
    local kind, count = take_head(cursor)
    if kind ~= "array" or count == nil then
        return nil
    end
    if count == 2 then
        local start = cursor.at
        if take_text(cursor) == "e" then
            return "event", nil
        end
        cursor.at = start
    elseif count ~= 3 or take_text(cursor) ~= "r" then
        return nil
    end
    local start = cursor.at
    local id, value = take_head(cursor)
    if id == "simple" and type(value) == "number" then
        return count == 2 and "request" or "reply", cursor.range:range(start, 1)
    elseif id == "unsigned" then
        local range = take(cursor, value)
        return range and (count == 2 and "request" or "reply"), range
    end
    return nil
end

-- What a frame's body calls itself, where it is a map that begins so: {"type": name, ...}.
local function take_name(cursor)
    local kind, count = take_head(cursor)
    if kind == "map" and count and count > 0 and take_text(cursor) == "type" then
        return take_text(cursor), count
    end
    return nil
end

-- Returns what a person calls the frame.
local function show_frame(tree, text)
    if #text == 0 then
        tree:add_proto_expert_info(expert.malformed, "an empty frame")
        return "malformed frame"
    end
    local range = ByteArray.new(text, true):tvb("Frame"):range()
    local cursor = cursor_on(range)
    local envelope, id = take_envelope(cursor)
    local start = cursor.at
    local name, count = take_name(cursor)
    if envelope == nil or name == nil then
        local item = tree:add(f.bytes, range)
        item:set_text(string.format("Frame of %d bytes", #text))
        item:add_proto_expert_info(expert.malformed, "no request, reply or event")
        return "malformed frame"
    end
    local item = tree:add(f.frame, range, name)
    item:set_text(string.format("Frame: %s %s, %d bytes", envelope, name, #text))
    item:add(f.frame_size, #text):set_generated()
    if id then
        item:add(f.frame_id, id)
    end
    cursor.at = start
    take_head(cursor)
    local is_shown = show_within(item, cursor, "map", count, "", 1)
    if is_shown == nil or (is_shown and cursor.at < cursor.size) then
        item:add_proto_expert_info(expert.malformed, "a frame that is no MessagePack of ours")
    end
    return name
end

-- Connections --------------------------------------------------------------------------------------

-- Message 1, or its beginning, by its content: its e1 is 768 numbers of 12 bits, all below 3329, and 32 bytes. Of
-- random bytes, or of anything else, the 64 numbers that are there at least pass once in 500,000 times.
local function is_message_1(text)
    for at = 257, math.min(#text, 256 + 1152) - 2, 3 do
        local a, b, c = byte(text, at, at + 2)
        if a + 256 * (b % 16) >= 3329 or floor(b / 16) + 16 * c >= 3329 then
            return false
        end
    end
    return true
end

local connections = {} -- by both ends: the newest between them
local messages = {} -- by frame and content: what each is, found out when it is first seen

local function new_side(name)
    return {
        name = name,
        records = 0,
        key_begins = 0, -- the first record that the present key may open
        parts = {}, -- of the stream, since the last whole frame
        parts_size = 0,
        is_lost = false, -- a record was not opened: where frames begin is not known any more
    }
end

-- The connection of a packet, and whose message it is. It begins with message 1, where the capture has it.
local function connection_of(pinfo, text)
    local source, target = tostring(pinfo.src) .. " " .. pinfo.src_port, tostring(pinfo.dst) .. " " .. pinfo.dst_port
    local connection = connections[source .. " " .. target]
    if #text == MESSAGE_1_SIZE and is_message_1(text) then
        connection = { is_complete = true, client_end = source }
    elseif connection == nil then
        connection = { client_end = pinfo.src_port == PORT and target or source }
    end
    if connection.client == nil then
        connection.client, connection.server = new_side("client"), new_side("server")
        connections[source .. " " .. target], connections[target .. " " .. source] = connection, connection
    end
    return connection, source == connection.client_end and connection.client or connection.server
end

-- The frames that are whole now.
local function take_stream(side, text)
    local frames = {}
    if side.is_lost then
        return frames
    end
    side.parts[#side.parts + 1] = text
    side.parts_size = side.parts_size + #text
    while side.parts_size >= (side.wanted or LENGTH_SIZE) do
        local all = concat(side.parts)
        if side.wanted == nil then
            side.wanted = LENGTH_SIZE + word_at(all, 1)
            side.is_lost = side.wanted > MAX_FRAME
        end
        if side.is_lost then
            side.parts, side.parts_size = {}, 0
            return frames
        end
        if #all >= side.wanted then
            frames[#frames + 1] = all:sub(LENGTH_SIZE + 1, side.wanted)
            all, side.wanted = all:sub(side.wanted + 1), nil
        end
        side.parts, side.parts_size = { all }, #all
    end
    return frames
end

-- Opens a record where the key log has its key. Records are opened once, in order.
local function open_record(record, connection, side, text)
    record.why = "no key log is named"
    read_log()
    if log_file == nil then
        return
    end
    if connection.session == nil then
        record.why = "the capture began after the handshake, so its keys cannot be found"
        return
    end
    local key = find_key(connection.session .. side.name, side, record.number)
    if key == nil then
        record.why = "its key is not in the log (yet: reload the capture)"
        return
    end
    key.words = key.words or expand_key(key.key)
    record.n = key.n + record.number - key.first
    local plain = decrypt(key.words, record.n, text:sub(1, -TAG_SIZE - 1))
    local kind, payload = byte(plain), plain:sub(2)
    if kind == nil or kind > 3 or ((kind == 1 or kind == 3) and payload ~= "") then
        record.why = "it does not open with the key in the log"
        return
    end
    record.why, record.plain, record.type = nil, plain, kind
    local is_marker = kind == 1 or (kind == 2 and (payload == "") == (side.name == "client"))
    if is_marker then
        side.key_begins = record.number + 1
    elseif kind == 0 then
        record.frames = take_stream(side, payload)
        record.is_lost = side.is_lost
        record.waiting = side.parts_size
    end
end

-- What a message is, with all that later ones must know of it.
local function classify(pinfo, text)
    local connection, side = connection_of(pinfo, text)
    if connection.is_complete and connection.session == nil then
        connection.session = text:sub(1, SESSION_SIZE):gsub(".", function(one)
            return string.format("%02x", byte(one))
        end)
        return { handshake = 1, side = "client" }
    elseif connection.is_complete and side.name == "server" and not connection.is_answered then
        connection.is_answered = true
        if #text == MESSAGE_2_SIZE then
            return { handshake = 2, side = "server" }
        end
    end
    local record = { number = side.records, side = side.name }
    side.records = side.records + 1
    if #text <= TAG_SIZE then
        record.why = "it is shorter than any record"
    else
        open_record(record, connection, side, text)
    end
    side.is_lost = side.is_lost or record.plain == nil
    return record
end

-- The tree -----------------------------------------------------------------------------------------

local tokens = {
    [1] = { { f.e, 256 }, { f.e1, 1184 } },
    [2] = {
        { f.e, 256 },
        { "ee: no bytes; the Diffie-Hellman of both e goes into the key, and encryption begins" },
        { f.ekem1, 1104 },
        { "ekem1 then puts the KEM's shared secret into the key: post-quantum from here on" },
        { f.s, 272 },
        { "es: no bytes; the Diffie-Hellman of the client's e and the server's s: only the server can go on" },
        { f.tag, 16 },
    },
}
local titles = { "Handshake message 1: e, e1", "Handshake message 2: e, ee, ekem1, s, es" }

local function show_handshake(tree, number, range)
    local item = tree:add(f.handshake, range, number)
    item:set_text(string.format("%s, %d bytes", titles[number], range:len()))
    local at = 0
    for _, token in ipairs(tokens[number]) do
        local field, size = token[1], token[2]
        if size then
            item:add(field, range:range(at, size)):append_text(string.format(" (%d bytes)", size))
            at = at + size
        else
            item:add(f.mixed, field):set_generated()
        end
    end
    return string.format("Handshake %d", number)
end

local function show_renewal(tree, plain)
    local size = #plain - 1
    if size == 0 then
        return "renew: the client's last record under its old key"
    end
    local range = ByteArray.new(plain, true):tvb("Renewal"):range(1, size)
    if size == MESSAGE_1_SIZE or size == MESSAGE_2_SIZE then
        return "renew: " .. show_handshake(tree, size == MESSAGE_1_SIZE and 1 or 2, range)
    end
    tree:add(f.data, range)
    tree:add_proto_expert_info(expert.malformed, "a renewal of another size")
    return "renew"
end

local function show_data(tree, record)
    local names = {}
    local range = ByteArray.new(record.plain, true):tvb("Record"):range()
    if range:len() > 1 then
        tree:add(f.data, range:range(1))
    end
    for _, text in ipairs(record.frames) do
        names[#names + 1] = show_frame(tree, text)
    end
    if record.is_lost then
        tree:add_proto_expert_info(expert.closed, "an earlier record was not opened, so frames cannot be told apart")
        return "data"
    elseif record.waiting > 0 then
        tree:add(f.value, string.format("%d bytes of a frame that goes on", record.waiting)):set_generated()
        names[#names + 1] = "…"
    end
    return concat(names, ", ")
end

local function show_record(tree, record, range)
    local item = tree:add(f.record, range, record.number)
    item:set_text(string.format("Record %d of the %s, %d bytes", record.number, record.side, range:len()))
    item:add(f.sender, record.side):set_generated()
    local size = range:len() - TAG_SIZE
    if size <= 0 then
        item:add(f.garbage, range)
        item:add_proto_expert_info(expert.malformed, record.why)
        return "malformed record"
    end
    item:add(f.ciphertext, range:range(0, size)):append_text(string.format(" (%d bytes)", size))
    item:add(f.tag, range:range(size))
    if record.plain == nil then
        if log_file then
            item:add_proto_expert_info(expert.closed, record.why)
        end
        return "Ciphertext"
    end
    item:add(f.n, record.n):set_generated()
    item:add(f.type, record.type):set_generated()
    if record.type == 0 then
        return show_data(item, record)
    elseif record.type == 1 then
        return "rekey"
    elseif record.type == 2 then
        return show_renewal(item, record.plain)
    end
    return "close"
end

local function show_message(tvb, pinfo, root)
    local tree = root:add(coterie, tvb())
    local size = tvb:len() - LENGTH_SIZE
    if size <= 0 or tvb:range(0, LENGTH_SIZE):uint() ~= size or size > MAX_MESSAGE then
        tree:add(f.garbage, tvb())
        tree:add_proto_expert_info(expert.malformed, "no Noise message, or one that the capture has cut off")
        pinfo.cols.info:append(" malformed")
        return tvb:len()
    end
    tree:add(f.length, tvb:range(0, LENGTH_SIZE))
    local range = tvb:range(LENGTH_SIZE)
    local text = range:raw()
    local id = pinfo.number .. " " .. text:sub(1, 48) .. size
    local message = messages[id]
    if message == nil then
        message = classify(pinfo, text)
        messages[id] = message
    end
    local what
    if message.handshake then
        what = show_handshake(tree, message.handshake, range)
    else
        what = show_record(tree, message, range)
    end
    tree:append_text(", " .. what)
    pinfo.cols.info:append((" %s: %s;"):format(message.side, what))
    return tvb:len()
end

-- How long a message is; what cannot be one takes all that there is.
local function length_of(tvb, _, offset)
    if tvb:len() - offset < LENGTH_SIZE then
        return tvb:reported_length_remaining(offset)
    end
    local size = tvb:range(offset, LENGTH_SIZE):uint()
    if size == 0 or size > MAX_MESSAGE then
        return tvb:reported_length_remaining(offset)
    end
    return LENGTH_SIZE + size
end

function coterie.init()
    connections, messages = {}, {}
end

function coterie.dissector(tvb, pinfo, root)
    pinfo.cols.protocol = "Coterie"
    pinfo.cols.info:set("")
    dissect_tcp_pdus(tvb, root, LENGTH_SIZE, length_of, show_message)
    return tvb:len()
end

coterie:register_heuristic("tcp", function(tvb, pinfo, root)
    if tvb:len() < LENGTH_SIZE + 256 + 96 or tvb:range(0, LENGTH_SIZE):uint() ~= MESSAGE_1_SIZE then
        return false
    end
    if not is_message_1(tvb:range(LENGTH_SIZE, math.min(tvb:len() - LENGTH_SIZE, MESSAGE_1_SIZE)):raw()) then
        return false
    end
    pinfo.conversation = coterie
    coterie.dissector(tvb, pinfo, root)
    return true
end)

DissectorTable.get("tcp.port"):add(PORT, coterie)
