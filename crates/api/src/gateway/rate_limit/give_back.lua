-- Undoes one taking from a bucket (take.lua). KEYS: the bucket; ARGV: the microseconds of one request.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full_at = tonumber(redis.call('GET', KEYS[1]) or now) - tonumber(ARGV[1])
local lives = math.ceil((full_at - now) / 1000)
if lives > 0 then
  redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', string.format('%.0f', lives))
else
  redis.call('DEL', KEYS[1])
end
return 1
