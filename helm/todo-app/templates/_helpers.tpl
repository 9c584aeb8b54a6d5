{{/* What the services are; what differs between installations is in values.yaml. */}}
{{- define "todo.catalog" -}}
backend: {kind: Deployment, hasDatabase: true, callers: []}
recurring-task: {kind: Deployment, hasDatabase: true, callers: [backend]}
notification: {kind: Deployment, hasDatabase: true, callers: [backend]}
audit: {kind: Deployment, hasDatabase: true, callers: [backend]}
websocket: {kind: StatefulSet, hasDatabase: false, callers: []}
{{- end }}

{{/* The settings of service .name of .root: services.<name> over defaults. */}}
{{/* A quantity of Kubernetes as a number: 100m, 1.5, 64Mi. */}}
{{- define "todo.amount" -}}
{{- $units := dict "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- $unit := regexFind "[A-Za-z]*$" (toString .) -}}
{{- mulf (toString . | trimSuffix $unit | float64) (index $units $unit | default 1) }}
{{- end }}

{{- define "todo.service" -}}
{{- mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy (index .root.Values.services .name | default dict)) | toYaml }}
{{- end }}

{{- define "todo.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/part-of: todo-app
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "todo.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{/* Of a pod: nothing that changes with the chart's version, which would roll pods for nothing. */}}
{{- define "todo.podLabels" -}}
{{ include "todo.selector" . }}
app.kubernetes.io/part-of: todo-app
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "todo.image" -}}
{{- $image := .root.Values.image -}}
{{- .image | default (printf "%s/%s:%s" $image.prefix .name ($image.tag | default .root.Chart.AppVersion)) }}
{{- end }}

{{- define "todo.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* What `restricted` asks of a pod and of a container, and more. */}}
{{- define "todo.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "todo.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Hosts that browsers use: the Gateway's and the Ingress'. */}}
{{- define "todo.hosts" -}}
{{- $hosts := list -}}
{{- if .Values.httpRoute.enabled }}{{ $hosts = concat $hosts .Values.httpRoute.hostnames }}{{ end -}}
{{- if .Values.ingress.host }}{{ $hosts = append $hosts .Values.ingress.host }}{{ end -}}
{{- toYaml (uniq $hosts) }}
{{- end }}

{{- define "todo.publicUrl" -}}
{{- $hosts := include "todo.hosts" . | fromYamlArray -}}
{{- if .Values.publicUrl }}{{ .Values.publicUrl }}
{{- else if $hosts }}{{ ternary "https" "http" .Values.ingress.tls.enabled }}://{{ first $hosts }}
{{- else }}http://localhost:8080
{{- end }}
{{- end }}

{{- define "todo.brokerAddress" -}}
{{- $default := dict "redis" "redis:6379" "kafka" "kafka:9092" "redpanda" "redpanda:9092" -}}
{{- .Values.broker.address | default (index $default .Values.broker.type) }}
{{- end }}

{{/* Whom libpq believes, only where the sslmode asks for it: with a file of authorities libpq verifies in the other modes as
     well, and `prefer` goes on without TLS when that fails. */}}
{{- define "todo.databaseEnv" -}}
{{- $database := .Values.database -}}
{{- if hasPrefix "verify-" $database.sslmode -}}
- {name: PGSSLROOTCERT, value: {{ ternary "/database-ca/ca.crt" "/etc/ssl/certs/ca-certificates.crt" (ne $database.caSecret "") }}}
{{- end }}
{{- end }}

{{- define "todo.databaseMount" -}}
{{- if .Values.database.caSecret -}}
- {name: database-ca, mountPath: /database-ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "todo.databaseVolume" -}}
{{- with .Values.database.caSecret -}}
- name: database-ca
  secret:
    secretName: {{ . }}
    items: [{key: {{ $.Values.database.caKey }}, path: ca.crt}]
{{- end }}
{{- end }}

{{/* Whether the state store is the broker's own Redis. */}}
{{- define "todo.sharesRedis" -}}
{{- if and (eq .Values.broker.type "redis") (not .Values.state.redis.address) }}true{{ end }}
{{- end }}

{{/* Address of a Redis that is the state store. */}}
{{- define "todo.stateAddress" -}}
{{- if include "todo.sharesRedis" . }}{{ include "todo.brokerAddress" . }}
{{- else }}{{ .Values.state.redis.address | default "redis:6379" }}
{{- end }}
{{- end }}

{{/* Longest time a sidecar stays after SIGTERM so that its service can still publish: the service's own, and 2 s. */}}
{{- define "todo.blockSeconds" -}}
{{- add .Values.preStopSeconds .Values.drainSeconds 2 }}
{{- end }}

{{/* The Secret .what (daprToken, appToken, databaseOwner) of service .name. */}}
{{- define "todo.secretName" -}}
{{- $ends := dict "daprToken" "dapr-token" "appToken" "app-token" "databaseOwner" "database-owner" -}}
{{- $svc := include "todo.service" . | fromYaml -}}
{{- index $svc.existingSecrets .what | default (printf "%s-%s" .name (index $ends .what)) }}
{{- end }}

{{/* Labels by which policies, the chart's and the backing services', know who may reach what. */}}
{{- define "todo.usesLabels" -}}
{{- if or (ne .name "websocket") (eq .root.Values.state.type "postgresql") }}
todo-app/uses-database: "true"
{{- end }}
todo-app/uses-broker: "true"
{{- if eq .name "notification" }}
todo-app/uses-mail: "true"
{{- end }}
{{- end }}

{{/* When Helm runs .on, and in which order. */}}
{{- define "todo.hook" -}}
helm.sh/hook: {{ .on }}
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation
{{- end }}

{{/* A pod that ends: jobs and tests. */}}
{{- define "todo.jobPod" -}}
restartPolicy: Never
serviceAccountName: migrate
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- include "todo.podSecurity" . | nindent 2 }}
{{- include "todo.pullSecrets" . }}
{{- end }}
