"""Signs upload links with Microsoft's SDK: a table of [container, blob, end] comes in, their queries go out."""

import json
import sys
from datetime import datetime, timezone
from urllib.parse import parse_qsl

from azure.storage.blob import BlobSasPermissions, UserDelegationKey, generate_blob_sas

key = UserDelegationKey()
key.signed_oid = "11111111-aaaa-bbbb-cccc-000000000001"
key.signed_tid = "22222222-aaaa-bbbb-cccc-000000000002"
key.signed_start = datetime.fromtimestamp(1784999700, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
key.signed_expiry = datetime.fromtimestamp(1785003600, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
key.signed_service = "b"
key.signed_version = "2026-04-06"
key.value = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def query(container, blob, end):
    sas = generate_blob_sas(
        "account",
        container,
        blob,
        user_delegation_key=key,
        permission=BlobSasPermissions(create=True, write=True),
        expiry=datetime.fromtimestamp(end, timezone.utc),
        protocol="https",
    )
    return dict(parse_qsl(sas))


json.dump([query(*row) for row in json.load(sys.stdin)], sys.stdout)
