{{- define "traefik.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name }}{{ end }}
{{- end }}

{{- define "traefik.selector" -}}
app.kubernetes.io/name: traefik
app.kubernetes.io/instance: {{ .Release.Name }}-{{ .Release.Namespace }}
{{- end }}

{{- define "traefik.labels" -}}
{{ include "traefik.selector" . }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "traefik.image" -}}
{{- $registry := .Values.image.registry | default .Values.global.systemDefaultRegistry }}
{{- $name := printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- if $registry }}{{ $registry }}/{{ end }}{{ $name }}
{{- end }}

{{- define "traefik.ingressClass" -}}
{{ .Values.ingressClass.name | default .Release.Name }}
{{- end }}

{{- /* The port that answers /ping. */ -}}
{{- define "traefik.healthPort" -}}
{{- if .Values.deployment.healthchecksPort }}{{ .Values.deployment.healthchecksPort }}{{ else }}{{ .Values.ports.traefik.port }}{{ end }}
{{- end }}
