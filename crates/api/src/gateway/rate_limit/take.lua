-- The generic cell rate algorithm for several buckets at once: all are taken from, or none is.
--
-- Each of KEYS holds the moment at which its bucket will be full again, in microseconds by this server's clock,
-- the only one that all who count agree on. ARGV has two numbers for each: the microseconds after which one more
-- request is allowed, and those in which a whole allowance comes back.
--
-- Answers for each key: requests left, microseconds until it is full, microseconds to wait before there is one.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local buckets, allowed = {}, true
for i, key in ipairs(KEYS) do
  local per, whole = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local full_at = tonumber(redis.call('GET', key) or now)
  -- A clock that was set back must not shut anybody out for longer than the window.
  full_at = math.min(math.max(full_at, now), now + whole)
  local wait = math.max(full_at + per - whole - now, 0)
  allowed = allowed and wait == 0
  buckets[i] = { per = per, whole = whole, full_at = full_at, wait = wait }
end

local answer = {}
for i, bucket in ipairs(buckets) do
  if allowed then
    bucket.full_at = bucket.full_at + bucket.per
    local lives = math.ceil((bucket.full_at - now) / 1000)
    redis.call('SET', KEYS[i], string.format('%.0f', bucket.full_at), 'PX', string.format('%.0f', lives))
  end
  local full_in = bucket.full_at - now
  answer[#answer + 1] = math.floor((bucket.whole - full_in) / bucket.per)
  answer[#answer + 1] = full_in
  answer[#answer + 1] = bucket.wait
end
return answer
