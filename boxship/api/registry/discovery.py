"""What is there: repositories, tags, referrers."""

from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from boxship.api.registry.call import EVERYTHING, MAX_PAGE, Call, next_link, page_size
from boxship.api.response import Headers, Response, json_response
from boxship.engine.registry.server.records import ManifestRecord, TagRecord
from boxship.oci.media_types import OCI_INDEX

_REFERRERS_PAGE = 100


async def base(_call: Call) -> Response:
    """Say that the registry speaks this protocol."""
    return json_response({})


async def catalog_list(call: Call) -> Response:
    """List repositories."""
    query = call.request.query
    limit = page_size(query.text("n"), MAX_PAGE)
    found = call.registry.repositories(query.text("last"), limit + 1)
    headers = _more("/v2/_catalog", found, limit)
    return json_response({"repositories": found[:limit]}, headers=headers)


async def tags_list(call: Call) -> Response:
    """List the tags of a repository; all of them unless ``n`` says how many."""
    query = call.request.query
    limit = page_size(query.text("n"), EVERYTHING)
    found = await call.registry.find_tags(call.name, query.text("last"), limit + 1)
    headers = _more(f"{call.path}/tags/list", found, limit)
    return json_response({"name": call.name, "tags": found[:limit]}, headers=headers)


def _more(path: str, found: list[str], limit: int) -> Headers:
    """Return a Link when one more was found than the page holds."""
    if not 0 < limit < len(found):
        return ()
    return next_link(f"{path}?{urlencode({'n': limit, 'last': found[limit - 1]})}")


async def tags_listing(call: Call) -> Response:
    """List tags with digests and sizes: ``jq '.results[].digest'``. An addition of ours."""
    query = call.request.query
    limit = page_size(query.text("n"), MAX_PAGE)
    found = call.registry.tags(call.name, query.text("last"), limit + 1)
    names = [tag.name for tag in found]
    headers = _more(f"/v2/_boxship/repositories/{call.name}/tags", names, limit)
    results = [_shown(tag) for tag in found[:limit]]
    return json_response({"name": call.name, "results": results}, headers=headers)


def _shown(tag: TagRecord) -> dict[str, object]:
    updated = datetime.fromtimestamp(tag.updated, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "name": tag.name,
        "digest": tag.digest,
        "media_type": tag.media_type,
        "size": tag.content_size,
        "manifest_size": tag.size,
        "last_updated": updated,
    }


async def referrers_list(call: Call) -> Response:
    """List the manifests about a subject as an index, a page at a time."""
    query = call.request.query
    kind, after = query.text("artifactType"), query.text("last")
    limit = page_size(query.text("n"), _REFERRERS_PAGE) or _REFERRERS_PAGE
    found = await call.registry.find_referrers(call.name, call.reference, kind, after, limit + 1)
    headers: Headers = (("OCI-Filters-Applied", "artifactType"),) if kind else ()
    if len(found) > limit:
        following = {"artifactType": kind} if kind else {}
        following |= {"n": str(limit), "last": found[limit - 1].digest}
        path = f"{call.path}/referrers/{quote(call.reference, safe=':')}"
        headers = (*headers, *next_link(f"{path}?{urlencode(following)}"))
    index = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [_descriptor(manifest) for manifest in found[:limit]],
    }
    answer = json_response(index, headers=headers)
    return Response(200, answer.body, OCI_INDEX, headers)


def _descriptor(manifest: ManifestRecord) -> dict[str, object]:
    shown: dict[str, object] = {
        "mediaType": manifest.media_type,
        "digest": manifest.digest,
        "size": manifest.size,
    }
    if manifest.artifact_type:
        shown["artifactType"] = manifest.artifact_type
    if manifest.annotations:
        shown["annotations"] = manifest.annotations
    return shown
