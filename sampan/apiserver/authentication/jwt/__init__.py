"""JSON Web Tokens of other issuers: OpenID Connect, set up by flags or by an AuthenticationConfiguration.

    configuration.py   what there is to say, as values; config_file.py reads it, validation.py judges it
    expressions.py     its CEL expressions, compiled
    issuer.py          one issuer: finding it, and the keys that it signs with (key_set.py)
    id_token.py        what has to hold for a token; distributed.py claims that are elsewhere
    mapping.py         a user of the claims
    authenticator.py   all issuers; reload.py follows the file

Rules and texts: k8s.io/apiserver/plugin/pkg/authenticator/token/oidc over github.com/coreos/go-oidc v2; KEP-3331.
"""
