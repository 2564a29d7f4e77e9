"""What `validate-jwt` does, on real signatures."""

import jwt as pyjwt

from csharp import Unknown


class Refused(Exception):
    """The token is not good: the reason, as `context.LastError.Reason` has it."""


def claims(value, element, attributes, issuers):
    """The claims of the token in a header's value, by the rules of the element.

    `issuers` maps the URL of a discovery document to `{"issuer": …, "keys": […]}`, the keys as JWKs.
    """
    scheme = attributes.take("require-scheme")
    expires, signed = attributes.take("require-expiration-time", "true"), attributes.take("require-signed-tokens", "true")
    skew = int(attributes.take("clock-skew", "0"))
    if attributes.take("failed-validation-httpcode") != "401":
        raise Unknown("a refused token is 401")
    attributes.end()
    texts = lambda path: [part.text for part in element.findall(path)]  # noqa: E731
    if not value:
        raise Refused("TokenNotPresent")
    if scheme and not value.startswith(scheme + " "):
        raise Refused("JwtInvalid")
    token = value.split(" ")[-1]
    documents = [issuers[part.get("url")] for part in element.findall("openid-config")]
    try:
        header = pyjwt.get_unverified_header(token)
        keys = [key for document in documents for key in document["keys"] if key["kid"] == header.get("kid")]
        if signed == "true" and not keys:
            raise Refused("TokenSignatureKeyNotFound")
        found = pyjwt.decode(
            token,
            pyjwt.PyJWK(keys[0]).key if keys else "",
            algorithms=["RS256"],
            options={"verify_signature": signed == "true", "require": ["exp"] if expires == "true" else [], "verify_aud": bool(texts("audiences/audience"))},
            audience=texts("audiences/audience") or None,
            leeway=skew,
        )
    except pyjwt.ExpiredSignatureError:
        raise Refused("TokenExpired") from None
    except pyjwt.InvalidAudienceError:
        raise Refused("TokenAudienceNotAllowed") from None
    except pyjwt.InvalidSignatureError:
        raise Refused("TokenSignatureInvalid") from None
    except pyjwt.PyJWTError:
        raise Refused("JwtInvalid") from None
    accepted = texts("issuers/issuer") or [document["issuer"] for document in documents]
    if found.get("iss") not in accepted:
        raise Refused("TokenIssuerNotAllowed")
    for claim in element.findall("required-claims/claim"):
        if len(claim):
            raise Unknown("a required claim's values")
        if claim.get("name") not in found:
            raise Refused("TokenClaimNotFound")
    return found
