-- One exchange of an owner with the book of leases. All that it reports and asks for goes in
-- one call: no other owner's comes in between, and a call that is made twice does no harm.
--
-- KEYS[1], the book: a hash. It is one key, so that no part of it can be lost alone.
--   run               the run id of the server that it was written on
--   terms             what all its owners must agree on
--   cold              nothing is granted before this time
--   number            of the latest exchange; the first one's is the time, so that no book that
--                     is begun later has lower ones
--   rejections        number of requests that OpenD rejected
--   held:<lease>      when it is free again if its owner does not renew it
--   expiring:<lease>   when it is free again
--   rejected:<lease>  the same; OpenD did not count its request
--   waiting:<owner>   "<until> <since> <leave>": asks again before `until`, waits since `since`,
--                     leaves `leave` tokens free
--
-- ARGV[1], in JSON: terms, limit, longest, expiry, recheck; settled, unused, renewed; owner,
-- heard, idle, names, eager, ceiling, leave. Times are the server's, all in milliseconds.
--
-- Returns the number of this exchange, how many of names were granted, when to ask again, how
-- long nothing is granted, rejections, and when each lease is free: of those that OpenD may have
-- counted, and of those that it rejected.

local key, ask = KEYS[1], cjson.decode(ARGV[1])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local run = redis.call('INFO', 'server'):match('run_id:(%w+)')
if not run then return redis.error_reply('NORUN it does not tell its run id') end

-- ---- read the book

local book = {}
local raw = redis.call('HGETALL', key)
for i = 1, #raw, 2 do book[raw[i]] = raw[i + 1] end
if #raw > 0 and not book.run then return redis.error_reply('FOREIGN it was not written here') end

local at = { held = {}, expiring = {}, rejected = {}, waiting = {} }

local function put(kind, name, value)
  at[kind][name] = value
  redis.call('HSET', key, kind .. ':' .. name, value)
end

local function drop(kind, name)
  if at[kind][name] then
    at[kind][name] = nil
    redis.call('HDEL', key, kind .. ':' .. name)
  end
end

-- No time can lie further ahead than this, unless the server's clock was set back.
local last = now + ask.longest

for field, value in pairs(book) do
  local kind, name = field:match('^(%a+):(.+)$')
  if kind == 'waiting' then
    at.waiting[name] = value
    local back = tonumber(value:match('^%d+'))
    if back <= now or back > last then drop('waiting', name) end
  elseif kind then
    at[kind][name] = tonumber(value)
    if at[kind][name] <= now then drop(kind, name) end
    if at[kind][name] and at[kind][name] > last then put(kind, name, last) end
  end
end

if book.terms ~= ask.terms then
  if next(at.held) or next(at.expiring) or next(at.rejected) then
    return redis.error_reply('TERMS its owners agreed on ' .. book.terms)
  end
  redis.call('HSET', key, 'terms', ask.terms)
end

-- A server that was restarted may have forgotten what was spent last, an empty book may be one
-- that was lost, and if this owner has heard of a later exchange it is an old copy: wait until
-- whatever was spent would be free.
local number = tonumber(book.number or 0) + 1
local cold = math.min(tonumber(book.cold or 0), last)
if book.run ~= run or number <= ask.heard then
  -- The owner may know that nobody has used the account; not that a restart has forgotten nothing.
  cold = (ask.idle and not book.run) and 0 or last
  number = math.max(now, ask.heard + 1)
  redis.call('HSET', key, 'run', run, 'cold', cold)
end
redis.call('HSET', key, 'number', number)
local is_cold = now < cold

-- ---- what the owner reports

local rejections = tonumber(book.rejections or 0)
for _, lease in ipairs(ask.settled) do
  local name, expires, rejected = lease[1], lease[2], lease[3]
  if rejected and not at.rejected[name] then
    rejections = redis.call('HINCRBY', key, 'rejections', 1)
  end
  drop('held', name)
  if expires > 0 then put(rejected and 'rejected' or 'expiring', name, now + expires) end
end
for _, name in ipairs(ask.unused) do drop('held', name) end
for _, name in ipairs(ask.renewed) do
  if not at.expiring[name] and not at.rejected[name] then put('held', name, last) end
end
-- Granted before, in a call whose reply never arrived.
for _, name in ipairs(ask.names) do drop('held', name) end

-- ---- what it is granted

local function count(kind)
  local n = 0
  for _ in pairs(at[kind]) do n = n + 1 end
  return n
end

local spent = count('held') + count('expiring')
local free = math.max(0, ask.limit - spent - count('rejected'))
local below = ask.ceiling - spent
if is_cold then free = 0 end
local room = math.max(0, math.min(free, below))

-- In turn, as far as possible: for each owner that waits longer a token is kept.
local since = now
if at.waiting[ask.owner] then since = tonumber(at.waiting[ask.owner]:match('^%d+ (%d+)')) end
local others, before, kept = 0, 0, 0
for name, value in pairs(at.waiting) do
  if name ~= ask.owner then
    local its_since, its_leave = value:match('^%d+ (%d+) (%d+)')
    its_since = tonumber(its_since)
    others = others + 1
    if its_since < since or (its_since == since and name < ask.owner) then
      before = before + 1
      if free > tonumber(its_leave) then kept = kept + 1 end
    end
  end
end

local wanted = #ask.names
local fits = math.max(math.min(ask.eager, room), math.min(wanted, room, free - ask.leave))
local share = math.ceil(room / (1 + others))
local granted = math.max(0, math.min(fits, share, room - kept))
for i = 1, granted do put('held', ask.names[i], last) end

-- ---- when to ask again

local function sorted(...)
  local times = {}
  for _, kind in ipairs({...}) do
    for _, time in pairs(at[kind]) do times[#times + 1] = time end
  end
  table.sort(times)
  return times
end

local wait = 0
if granted < wanted then
  if granted > 0 then since, before = now, others end
  local leave = ask.eager > granted and 0 or ask.leave
  -- The further back an owner waits, the less often it has to look.
  local recheck = ask.recheck * (1 + math.min(7, math.floor(before / ask.limit)))
  local function back_at(times, n)
    if n < 1 then return now end
    return times[n] or now + recheck
  end
  local token = back_at(sorted('held', 'expiring', 'rejected'), before + 1 + leave - (free - granted))
  local under = back_at(sorted('held', 'expiring'), before + 1 - (below - granted))
  wait = math.max(token, under) - now
  if is_cold then wait = math.max(wait, cold - now) end
  -- If a token is free already, others are to take it first. Tokens may also be free early.
  wait = math.min(math.max(wait, math.ceil(ask.recheck / 100)), recheck)
  local back = string.format('%.0f %.0f %.0f', now + wait + ask.recheck, since, leave)
  put('waiting', ask.owner, back)
else
  drop('waiting', ask.owner)
end

local function left(kinds)
  local times = sorted(unpack(kinds))
  for i, time in ipairs(times) do
    if is_cold then time = math.max(time, cold) end
    times[i] = time - now
  end
  return times
end

-- For a held lease the likely end, not the latest.
for name, time in pairs(at.held) do at.held[name] = math.min(time, now + ask.expiry) end
local counted, rejected = left({'held', 'expiring'}), left({'rejected'})
while is_cold and #counted + #rejected < ask.limit do counted[#counted + 1] = cold - now end
return { number, granted, wait, math.max(0, cold - now), rejections, counted, rejected }
