"""The flags of `sampan up` that say who may be whom: kube-apiserver's, by their names there.

They go to cluster/authentication.py as they are given. Called by up.py.
"""

from sampan.cli.flag_table import DURATION, FILE, LIST, MANY, TEXT, TRUTH, Flag

AUTHENTICATION = (
    Flag("anonymous-auth", TRUTH, "whether requests without credentials are served (default: true)"),
    Flag("api-audiences", LIST, "for whom tokens must be meant (default: the issuer of ServiceAccount tokens)"),
    Flag("authentication-config", FILE, "an AuthenticationConfiguration: OpenID Connect issuers, anonymous requests"),
    Flag("authentication-token-webhook-cache-ttl", DURATION, "how long its answers are kept (default: 2m)"),
    Flag("authentication-token-webhook-config-file", FILE, "a kubeconfig of who is asked about bearer tokens"),
    Flag("authentication-token-webhook-version", TEXT, "of the TokenReviews it is sent: v1beta1 (default) or v1"),
    Flag("enable-bootstrap-token-auth", TRUTH, "whether bootstrap tokens are credentials (default: true)"),
    Flag("oidc-ca-file", FILE, "who signs the certificate of the OpenID Connect issuer"),
    Flag("oidc-client-id", TEXT, "for whom its tokens must be meant"),
    Flag("oidc-groups-claim", TEXT, "the claim that has the user's groups"),
    Flag("oidc-groups-prefix", TEXT, "in front of each of them"),
    Flag("oidc-issuer-url", TEXT, "an OpenID Connect issuer whose tokens are good"),
    Flag("oidc-required-claim", MANY, "key=value that a token must have"),
    Flag("oidc-signing-algs", LIST, "by which tokens may be signed (default: RS256)"),
    Flag("oidc-username-claim", TEXT, "the claim that has the user's name (default: sub)"),
    Flag("oidc-username-prefix", TEXT, "in front of it (default: the issuer and #; - for none)"),
    Flag("service-account-extend-token-expiration", TRUTH, "whether pods' own tokens live a year (default: true)"),
    Flag("service-account-issuer", MANY, "who issues tokens of ServiceAccounts; further ones are believed"),
    Flag("service-account-jwks-uri", TEXT, "where others find the keys of that issuer"),
    Flag("service-account-key-file", MANY, "PEM of further keys whose ServiceAccount tokens are good"),
    Flag("service-account-max-token-expiration", DURATION, "how long such tokens live at most"),
    Flag("token-auth-file", FILE, 'bearer tokens with their users: token,name,uid,"groups"'),
)
