-- For wrk: each of 10,000 machines asks for its script, then for the document that the script names.

local MACHINES = 10000
local threads = 0

function setup(thread)
  thread:set("first", threads)
  threads = threads + 1
end

function init(args)
  machine = first
  documents = {}
end

function request()
  local path = table.remove(documents)
  if not path then
    path = string.format("/ipxe?mac=52:54:00:00:%02x:%02x", math.floor(machine / 256), machine % 256)
    -- The threads of a run take turns with the machines.
    machine = (machine + 2) % MACHINES
  end
  return wrk.format("GET", path)
end

function response(status, headers, body)
  local path = body:match("cloud%-config%-url=http://[^/]+(/%S+)")
  if path then table.insert(documents, path) end
end
