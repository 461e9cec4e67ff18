package traefik

import (
	_ "golang.org/x/net/idna"
	_ "golang.org/x/net/publicsuffix"
	_ "helm.sh/helm/v3/pkg/chart/loader"
	_ "helm.sh/helm/v3/pkg/chartutil"
	_ "helm.sh/helm/v3/pkg/engine"
)
