"""Runs scim2-tester against a SCIM service of the demo data: interop_scim.py URL TOKEN

The judge makes values up by type alone. Where a value has to mean something here (an address somebody can sign in with, a
day, a role that there is), this says which; what is judged stays the judge's.
"""

import datetime
import random
import sys
import uuid

import httpx2 as httpx
import scim2_tester.filling as filling
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

MEMBERSHIP = "urn:portvakt:params:scim:schemas:extension:membership:1.0:User"


def day(years):
    return datetime.datetime(2027 + years, 1, 1, tzinfo=datetime.timezone.utc)


MEANINGFUL = {
    "userName": lambda: f"{uuid.uuid4()}@judge.example",
    "locale": lambda: random.choice(["nb-NO", "sv-SE", "de-DE", "en-GB"]),
    "preferredLanguage": lambda: random.choice(["nb", "sv", "de", "en"]),
    "timezone": lambda: random.choice(["Europe/Oslo", "Europe/Berlin"]),
    "kind": lambda: "employee",
    "start": lambda: day(0),
    "end": lambda: day(random.randint(1, 9)),
}

original = filling.get_random_example_value


def example(path):
    binding = path.resolve()
    name = str(path).rsplit(":", 1)[-1]
    if binding is not None and name in MEANINGFUL:
        return MEANINGFUL[name]()
    return original(path)


filling.get_random_example_value = example


def main():
    url, token = sys.argv[1:]
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30) as http:
        client = SyncSCIMClient(http)
        client.discover()
        failed = 0
        for result in check_server(client):
            print(result.status.name, result.title, result.resource_type or "")
            if result.status not in (Status.SUCCESS, Status.SKIPPED):
                failed += 1
                print("   ", str(result.reason).replace("\n", "\n    "))
                print("   ", str(result.data)[:2000])
            elif result.status is Status.SKIPPED:
                print("   ", result.reason)
        sys.exit(1 if failed else 0)


main()
