"""pods/proxy, services/proxy, nodes/proxy: requests that the API server passes on into the cluster's network.

    location.py             where a request goes, decided from objects; what may not be dialled
    reverse.py              one request, passed on; clients.py has the connections
    links.py, html.py       links of the other side, made to lead through the proxy again

Rules: k8s.io/apimachinery/pkg/util/proxy. The bytes are transport/relay.py's, as for servers behind an APIService.
"""
