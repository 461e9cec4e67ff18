{{- /* Values that the schema lets pass and that cannot work. Renders nothing. */ -}}
{{- define "traefik.rules" }}
{{- $daemon := eq .Values.deployment.kind "DaemonSet" }}
{{- $update := .Values.updateStrategy.rollingUpdate | default dict }}
{{- if and $daemon .Values.hostNetwork (eq .Values.updateStrategy.type "RollingUpdate") (not $update.maxUnavailable) }}
{{- fail "maxUnavailable should be greater than 0 when using hostNetwork." }}
{{- end }}
{{- if eq (.Values.image.tag | default "" | toString) "latest" }}
{{- fail "image.tag: latest names no version, and the chart must know which one it configures" }}
{{- end }}
{{- if and $daemon (contains ".acme." (join " " .Values.additionalArguments)) }}
{{- fail "additionalArguments: ACME needs one place for its certificates, which a DaemonSet has not" }}
{{- end }}
{{- if and (not .Values.ports.traefik) (not .Values.deployment.healthchecksPort) }}
{{- fail "ports.traefik is null: deployment.healthchecksPort must say where the probes go" }}
{{- end }}
{{- if and .Values.ingressRoute.dashboard.enabled (not .Values.api.dashboard) }}
{{- fail "ingressRoute.dashboard needs api.dashboard" }}
{{- end }}
{{- $exposed := 0 }}
{{- range $name, $port := .Values.ports }}
{{- if $port }}
{{- if ($port.expose | default dict).default }}{{ $exposed = add1 $exposed }}{{ end }}
{{- if and $.Values.hostNetwork $port.hostPort (ne (int $port.hostPort) (int $port.port)) }}
{{- fail "All hostPort must match their respective containerPort when `hostNetwork` is enabled" }}
{{- end }}
{{- $http := $port.http | default dict }}
{{- if and ($port.http3 | default dict).enabled (not ($http.tls | default dict).enabled) }}
{{- fail (printf "ports.%s.http3 needs ports.%s.http.tls" $name $name) }}
{{- end }}
{{- with ($http.redirections | default dict).entryPoint }}
{{- $target := get $.Values.ports .to }}
{{- if not $target }}
{{- fail (printf "Cannot redirect %s to %s: no such port" $name .to) }}
{{- end }}
{{- if and ((($target.http | default dict).tls | default dict).enabled) (ne (.scheme | default "") "https") }}
{{- fail (printf "Cannot redirect %s to %s without setting scheme to https" $name .to) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.service.enabled (eq (int $exposed) 0) }}
{{- fail (printf "Cannot create Service %s without ports" (include "traefik.fullname" .)) }}
{{- end }}
{{- end }}
