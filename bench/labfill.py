"""Give the lab projects with servers of their own for the benchmark: `python -m bench.labfill`.

Prints JSON: the ids of the projects. What is there already stays; `python3 lab reset` takes all away.
The lab's own modules are used, which are scripts beside each other and no package.
"""

from __future__ import annotations

import json
import sys

from bench.place import REPOSITORY

PROJECTS, SERVERS = 3, 40


def main() -> None:
    """Make what is missing, and wait until every server runs."""
    sys.path.insert(0, str(REPOSITORY / "lab"))
    from client import Cloud, wait_for  # noqa: PLC0415 -- found by now only
    from contents import admin, make_project  # noqa: PLC0415 -- as above
    from place import Place  # noqa: PLC0415 -- as above

    place = Place.from_environment()
    cloud = admin(place)
    flavor = next(
        one["id"] for one in cloud.get("compute", "/flavors")["flavors"] if one["name"] == "lab.small"
    )
    image = cloud.get("image", "/v2/images?name=lab-plain")["images"][0]["id"]
    made = []
    for number in range(PROJECTS):
        name = f"bench-{number}"
        project = make_project(cloud, name, {"VO": "vo.bench.example.org"}, users=("bob",))
        unlimited = {"instances": -1, "cores": -1, "ram": -1}
        cloud.call("PUT", "compute", f"/os-quota-sets/{project}", {"quota_set": unlimited}, version="2.1")
        member = Cloud(place.url("keystone", "/v3"), "bob", name)
        there = len(member.get("compute", "/servers?limit=1000")["servers"])
        if there < SERVERS:
            server = {"name": name, "flavorRef": flavor, "imageRef": image, "networks": "none"}
            several = {"min_count": SERVERS - there, "max_count": SERVERS - there}
            member.post("compute", "/servers", {"server": server | several})

        def all_run() -> bool:
            found = member.get("compute", "/servers/detail?limit=1000")["servers"]  # noqa: B023 -- used at once
            return len(found) >= SERVERS and all(one["status"] != "BUILD" for one in found)

        wait_for(f"the servers of {name}", all_run, limit_s=300, pause_s=2)
        made.append(project)
    print(json.dumps(made))


if __name__ == "__main__":
    main()
