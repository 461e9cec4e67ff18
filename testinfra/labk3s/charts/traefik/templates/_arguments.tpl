{{- /* The command line of Traefik, one argument a line. */ -}}
{{- define "traefik.arguments" -}}
{{- $v := .Values }}
{{- if not $v.global.checkNewVersion }}
--global.checkNewVersion=false
{{- end }}
{{- if $v.global.sendAnonymousUsage }}
--global.sendAnonymousUsage
{{- end }}
{{- range $name, $port := $v.ports }}
{{- if $port }}
--entryPoints.{{ $name }}.address={{ $port.hostIP }}:{{ $port.port }}/{{ $port.protocol | default "TCP" | lower }}
{{- if $port.asDefault }}
--entryPoints.{{ $name }}.asDefault=true
{{- end }}
{{- end }}
{{- end }}
{{- if $v.api.dashboard }}
--api.dashboard=true
{{- end }}
{{- if $v.api.insecure }}
--api.insecure=true
{{- end }}
--ping=true
{{- with $v.metrics.prometheus }}
--metrics.prometheus=true
--metrics.prometheus.entrypoint={{ .entryPoint }}
{{- end }}
{{- include "traefik.providerArguments" (dict "name" "kubernetescrd" "provider" $v.providers.kubernetesCRD) }}
{{- with $v.providers.kubernetesIngress }}
{{- include "traefik.providerArguments" (dict "name" "kubernetesingress" "provider" .) }}
{{- if and .enabled $v.service.enabled .publishedService.enabled }}
--providers.kubernetesingress.ingressendpoint.publishedservice={{ .publishedService.pathOverride | default (printf "%s/%s" $.Release.Namespace (include "traefik.fullname" $)) }}
{{- end }}
{{- end }}
{{- range $name, $port := $v.ports }}
{{- if $port }}
{{- include "traefik.portArguments" (dict "name" $name "port" $port "ports" $v.ports) }}
{{- end }}
{{- end }}
--log.level={{ $v.logs.general.level }}
{{- with $v.logs.general.format }}
--log.format={{ . }}
{{- end }}
{{- if $v.logs.access.enabled }}
--accesslog=true
{{- with $v.logs.access.format }}
--accesslog.format={{ . }}
{{- end }}
{{- end }}
{{- range $v.additionalArguments }}
{{ . }}
{{- end }}
{{- end }}

{{- define "traefik.providerArguments" -}}
{{- $name := .name }}
{{- if .provider.enabled }}
--providers.{{ .name }}
{{- range $key := list "allowCrossNamespace" "allowExternalNameServices" "allowEmptyServices" "strictPrefixMatching" "nativeLBByDefault" "disableIngressClassLookup" }}
{{- if get $.provider $key }}
--providers.{{ $name }}.{{ $key }}=true
{{- end }}
{{- end }}
{{- range $key := list "ingressClass" "labelSelector" }}
{{- with get $.provider $key }}
--providers.{{ $name }}.{{ $key }}={{ . }}
{{- end }}
{{- end }}
{{- with .provider.namespaces }}
--providers.{{ $name }}.namespaces={{ join "," . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "traefik.portArguments" -}}
{{- $entry := printf "--entryPoints.%s" .name }}
{{- $http := .port.http | default dict }}
{{- with ($http.redirections | default dict).entryPoint }}
{{- $target := get $.ports .to }}
{{ $entry }}.http.redirections.entryPoint.to=:{{ $target.exposedPort | default $target.port }}
{{- range $key, $value := omit . "to" }}
{{ $entry }}.http.redirections.entryPoint.{{ $key }}={{ $value }}
{{- end }}
{{- end }}
{{- with $http.middlewares }}
{{ $entry }}.http.middlewares={{ join "," . }}
{{- end }}
{{- with $http.tls }}
{{- if .enabled }}
{{ $entry }}.http.tls=true
{{- with .options }}
{{ $entry }}.http.tls.options={{ . }}
{{- end }}
{{- with .certResolver }}
{{ $entry }}.http.tls.certResolver={{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- with .port.http3 }}
{{- if .enabled }}
{{ $entry }}.http3
{{- with .advertisedPort }}
{{ $entry }}.http3.advertisedPort={{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- range $group := list "forwardedHeaders" "proxyProtocol" }}
{{- with get $.port $group }}
{{- with .trustedIPs }}
{{ $entry }}.{{ $group }}.trustedIPs={{ join "," . }}
{{- end }}
{{- if .insecure }}
{{ $entry }}.{{ $group }}.insecure
{{- end }}
{{- end }}
{{- end }}
{{- range $key, $value := .port.transport | default dict }}
{{- if kindIs "map" $value }}
{{- range $inner, $setting := $value }}
{{- if ne (toString $setting) "<nil>" }}
{{ $entry }}.transport.{{ $key }}.{{ $inner }}={{ $setting }}
{{- end }}
{{- end }}
{{- else if ne (toString $value) "<nil>" }}
{{ $entry }}.transport.{{ $key }}={{ $value }}
{{- end }}
{{- end }}
{{- end }}
