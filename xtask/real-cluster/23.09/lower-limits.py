"""Lowers the limits in a container's config.json, or in the process.json of an exec, to this process's hard limits."""

import json
import resource
import sys

path = sys.argv[1]
with open(path) as file:
    document = json.load(file)
for limit in document.get("process", document).get("rlimits") or []:
    allowed = resource.getrlimit(getattr(resource, limit["type"]))[1]
    if allowed != resource.RLIM_INFINITY:
        limit["hard"] = min(limit["hard"], allowed)
        limit["soft"] = min(limit["soft"], limit["hard"])
with open(path, "w") as file:
    json.dump(document, file)
