{{/* The objects of Dapr, made from the files of dapr/, which `make run` uses as they are: here what a cluster has
     otherwise is put in their place, and nothing else changes. */}}

{{/* What `envRef` of a component names. */}}
{{- define "todo.dapr.environment" -}}
BROKER_ADDRESS: {{ include "todo.brokerAddress" . | quote }}
MAIL_HOST: {{ .Values.mail.host | quote }}
MAIL_PORT: {{ .Values.mail.port | quote }}
RECURRENCE_SWEEP_SCHEDULE: {{ .Values.dapr.recurrenceSweep | quote }}
REMINDER_CHECK_SCHEDULE: {{ .Values.dapr.reminderCheck | quote }}
{{- end }}

{{/* What values change in a component's metadata, by component and key: a text, or a reference to a secret. */}}
{{- define "todo.dapr.changes" -}}
{{- $broker := .Values.broker -}}
{{- $password := dict "secretKeyRef" (dict "name" $broker.existingSecret "key" $broker.passwordKey) -}}
{{- $pubsub := dict -}}
{{- if eq $broker.type "redis" -}}
{{- $pubsub = dict "redisPassword" $password -}}
{{- with $broker.username }}{{ $_ := set $pubsub "redisUsername" . }}{{ end -}}
{{- if $broker.tls.enabled }}{{ $_ := set $pubsub "enableTLS" "true" }}{{ end -}}
{{- if $broker.tls.skipVerify }}{{ $_ := set $pubsub "insecureSkipTLSVerify" "true" }}{{ end -}}
{{- else -}}
{{- $mechanism := dict "PLAIN" "PLAIN" "SCRAM-SHA-256" "SHA-256" "SCRAM-SHA-512" "SHA-512" -}}
{{- $pubsub = dict "saslPassword" $password "saslUsername" ($broker.username | default "todo") "saslMechanism" (index $mechanism $broker.mechanism) "disableTls" (ternary "false" "true" $broker.tls.enabled) -}}
{{- if $broker.tls.skipVerify }}{{ $_ := set $pubsub "skipVerify" "true" }}{{ end -}}
{{- with $broker.tls.caSecret }}{{ $_ := set $pubsub "caCert" (dict "secretKeyRef" (dict "name" . "key" $broker.tls.caKey)) }}{{ end -}}
{{- end -}}
{{- $mail := dict "user" .Values.mail.user "skipTLSVerify" (toString .Values.mail.skipTLSVerify) -}}
{{- with .Values.mail.existingSecret }}{{ $_ := set $mail "password" (dict "secretKeyRef" (dict "name" . "key" $.Values.mail.passwordKey)) }}{{ end -}}
{{- dict "pubsub" $pubsub "pubsub-live" $pubsub "mail" $mail | toYaml }}
{{- end }}

{{/* Another kind of component than dapr/ has, by name: type, version, metadata. */}}
{{- define "todo.dapr.kinds" -}}
{{- $store := .Values.secretStore -}}
{{- $type := ternary "kubernetes" $store.type (eq $store.type "oci.vault") -}}
{{- $kinds := dict "secrets" (dict "type" (printf "secretstores.%s" $type) "version" "v1" "metadata" $store.metadata) -}}
{{- if eq .Values.state.type "redis" -}}
{{- $redis := .Values.state.redis -}}
{{- $broker := .Values.broker -}}
{{- $ref := ternary (dict "name" $redis.existingSecret "key" $redis.passwordKey) (dict "name" $broker.existingSecret "key" $broker.passwordKey) (ne $redis.existingSecret "") -}}
{{- $shared := eq (include "todo.sharesRedis" .) "true" -}}
{{- $tls := or $redis.tls (and $shared $broker.tls.enabled) | ternary "true" "false" -}}
{{- $metadata := dict "redisHost" (include "todo.stateAddress" .) "redisPassword" (dict "secretKeyRef" $ref) "enableTLS" $tls "readTimeout" "5s" "writeTimeout" "5s" -}}
{{- with $redis.username | default (ternary $broker.username "" $shared) }}{{ $_ := set $metadata "redisUsername" . }}{{ end -}}
{{- if and $shared $broker.tls.skipVerify }}{{ $_ := set $metadata "insecureSkipTLSVerify" "true" }}{{ end -}}
{{- $_ := set $kinds "state" (dict "type" "state.redis" "version" "v1" "metadata" $metadata) -}}
{{- end -}}
{{- toYaml $kinds }}
{{- end }}

{{/* A list of metadata made of a dict: key to text or {secretKeyRef}. */}}
{{- define "todo.dapr.metadata" -}}
{{- $list := list -}}
{{- range $key, $value := . -}}
{{- if kindIs "map" $value -}}
{{- $list = append $list (dict "name" $key "secretKeyRef" $value.secretKeyRef) -}}
{{- else -}}
{{- $list = append $list (dict "name" $key "value" (toString $value)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $list }}
{{- end }}

{{/* One item of metadata of .component, with .environment and .changes; stores outside Kubernetes and Vault hold one
     text per name, so there the key is the name. The store itself is opened by what Kubernetes holds. */}}
{{- define "todo.dapr.item" -}}
{{- $item := .item -}}
{{- if hasKey .changes $item.name -}}
{{- $item = first (include "todo.dapr.metadata" (dict $item.name (index .changes $item.name)) | fromYamlArray) -}}
{{- else if $item.envRef -}}
{{- if not (hasKey .environment $item.envRef) }}{{ fail (printf "dapr/components: %s has envRef %s, which the chart does not know" .component $item.envRef) }}{{ end -}}
{{- $item = dict "name" $item.name "value" (index .environment $item.envRef) -}}
{{- end -}}
{{- if and $item.secretKeyRef (ne .component "secrets") (has .store (list "azure.keyvault" "gcp.secretmanager")) -}}
{{- $item = dict "name" $item.name "secretKeyRef" (dict "name" $item.secretKeyRef.name "key" $item.secretKeyRef.name) -}}
{{- end -}}
{{- toYaml $item }}
{{- end }}

{{/* Every document of the files that .patterns name. */}}
{{- define "todo.dapr.documents" -}}
{{- $root := .root -}}
{{- $documents := list -}}
{{- range $pattern := .patterns -}}
{{- range $path, $_ := $root.Files.Glob $pattern -}}
{{- range $text := regexSplit "(?m)^---$" ($root.Files.Get $path) -1 }}{{ $documents = append $documents (fromYaml $text) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- toYaml $documents }}
{{- end }}

{{/* All components. */}}
{{- define "todo.dapr.components" -}}
{{- $root := . -}}
{{- $environment := include "todo.dapr.environment" . | fromYaml -}}
{{- $changes := mergeOverwrite (include "todo.dapr.changes" . | fromYaml) (deepCopy .Values.dapr.components) -}}
{{- $kinds := include "todo.dapr.kinds" . | fromYaml -}}
{{- $components := list -}}
{{- $folder := ternary "redis" "kafka" (eq .Values.broker.type "redis") -}}
{{- $patterns := list "files/dapr/components/*.yaml" (printf "files/dapr/components/%s/*.yaml" $folder) -}}
{{- range $component := include "todo.dapr.documents" (dict "root" $root "patterns" $patterns) | fromYamlArray -}}
{{- $name := $component.metadata.name -}}
{{- $spec := $component.spec -}}
{{- with index $kinds $name -}}
{{- $_ := set $spec "type" .type -}}
{{- $_ := set $spec "version" .version -}}
{{- $_ := set $spec "metadata" (include "todo.dapr.metadata" .metadata | fromYamlArray) -}}
{{- end -}}
{{- $change := index $changes $name | default dict -}}
{{- /* mail-2 and so on are more of mail */ -}}
{{- if regexMatch "^mail-[0-9]+$" $name -}}
{{- $change = mergeOverwrite (deepCopy $changes.mail) $change -}}
{{- end -}}
{{- $items := list -}}
{{- range $item := $spec.metadata -}}
{{- $items = append $items (include "todo.dapr.item" (dict "item" $item "component" $name "environment" $environment "changes" $change "store" $root.Values.secretStore.type) | fromYaml) -}}
{{- end -}}
{{- $known := list -}}
{{- range $item := $items }}{{ $known = append $known $item.name }}{{ end -}}
{{- range $key, $value := $change -}}
{{- if not (has $key $known) -}}
{{- $item := dict "name" $key "value" "" -}}
{{- $items = append $items (include "todo.dapr.item" (dict "item" $item "component" $name "environment" $environment "changes" $change "store" $root.Values.secretStore.type) | fromYaml) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $spec "metadata" $items -}}
{{- if eq $name "secrets" }}{{ $_ := set $component "auth" (dict "secretStore" "kubernetes") }}{{ end -}}
{{- $components = append $components $component -}}
{{- end -}}
{{- toYaml $components }}
{{- end }}

{{- define "todo.dapr.subscriptions" -}}
{{- include "todo.dapr.documents" (dict "root" . "patterns" (list "files/dapr/subscriptions/*.yaml")) }}
{{- end }}

{{- define "todo.dapr.resiliency" -}}
{{- .Files.Get "files/dapr/resiliency.yaml" | fromYaml | toYaml }}
{{- end }}

{{/* The Configuration of service .name: found by DNS instead of a file, called from this namespace. */}}
{{- define "todo.dapr.configuration" -}}
{{- $root := .root -}}
{{- $dapr := $root.Values.dapr -}}
{{- $path := printf "files/dapr/config/%s.yaml" .name -}}
{{- $configuration := $root.Files.Get $path | fromYaml -}}
{{- $spec := $configuration.spec -}}
{{- $_ := unset $spec "nameResolution" -}}
{{- /* in a cluster this is for the control plane's own Configuration */ -}}
{{- $_ := unset $spec "mtls" -}}
{{- $_ := set $spec.accessControl "trustDomain" $dapr.trustDomain -}}
{{- range $policy := $spec.accessControl.policies -}}
{{- $_ := set $policy "namespace" $root.Release.Namespace -}}
{{- $_ := set $policy "trustDomain" $dapr.trustDomain -}}
{{- end -}}
{{- if not $dapr.accessControl }}{{ $_ := unset $spec "accessControl" }}{{ end -}}
{{- $_ := set $spec.tracing "samplingRate" (toString $dapr.tracing.samplingRate) -}}
{{- with $dapr.tracing.endpoint -}}
{{- if eq $dapr.tracing.protocol "zipkin" -}}
{{- $_ := set $spec.tracing "zipkin" (dict "endpointAddress" .) -}}
{{- else -}}
{{- $_ := set $spec.tracing "otel" (dict "endpointAddress" . "protocol" $dapr.tracing.protocol "isSecure" $dapr.tracing.isSecure) -}}
{{- end -}}
{{- end -}}
{{- toYaml $configuration }}
{{- end }}

{{/* Names of the Secrets that the sidecar of service .name reads: what its Configuration lets out, and what the
     components in its scope refer to. */}}
{{- define "todo.dapr.secrets" -}}
{{- $name := .name -}}
{{- $configuration := include "todo.dapr.configuration" . | fromYaml -}}
{{- $names := list -}}
{{- range $scope := $configuration.spec.secrets.scopes }}{{ $names = concat $names $scope.allowedSecrets }}{{ end -}}
{{- range $component := include "todo.dapr.components" .root | fromYamlArray -}}
{{- if and (ne $component.metadata.name "secrets") (or (not $component.scopes) (has $name $component.scopes)) -}}
{{- range $item := $component.spec.metadata -}}
{{- with $item.secretKeyRef }}{{ $names = append $names .name }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml (uniq $names | sortAlpha) }}
{{- end }}

{{/* Whether the sidecars read Secrets of Kubernetes. */}}
{{- define "todo.dapr.readsKubernetes" -}}
{{- if has .Values.secretStore.type (list "kubernetes" "oci.vault") }}true{{ end }}
{{- end }}

{{/* Whether the sidecar of service .name needs the database's authority: for the component state. Public ones it knows. */}}
{{- define "todo.dapr.mountsDatabaseCa" -}}
{{- if and (eq .name "websocket") (eq .root.Values.state.type "postgresql") .root.Values.database.caSecret }}true{{ end }}
{{- end }}

{{/* Annotations of a pod of service .name (.svc: its settings). */}}
{{- define "todo.dapr.annotations" -}}
{{- $dapr := .root.Values.dapr -}}
{{- $resources := .svc.sidecar.resources -}}
dapr.io/enabled: "true"
dapr.io/app-id: {{ .name }}
dapr.io/app-port: "9080"
dapr.io/app-protocol: http
dapr.io/config: {{ .name }}
dapr.io/api-token-secret: {{ include "todo.secretName" (dict "root" .root "name" .name "what" "daprToken") }}
dapr.io/app-token-secret: {{ include "todo.secretName" (dict "root" .root "name" .name "what" "appToken") }}
{{- $health := $dapr.appHealthCheck }}
dapr.io/enable-app-health-check: {{ ternary (eq .root.Values.broker.type "redis") $health.enabled (kindIs "invalid" $health.enabled) | quote }}
dapr.io/app-health-check-path: /healthz
dapr.io/app-health-probe-interval: {{ $health.intervalSeconds | quote }}
dapr.io/app-health-probe-timeout: {{ $health.timeoutMs | quote }}
dapr.io/app-health-threshold: {{ $health.threshold | quote }}
dapr.io/log-level: {{ $dapr.logLevel }}
dapr.io/log-as-json: "true"
dapr.io/enable-metrics: "true"
dapr.io/metrics-port: "9090"
{{- with dig "requests" "cpu" "" $resources }}
dapr.io/sidecar-cpu-request: {{ . | quote }}
{{- end }}
{{- with dig "requests" "memory" "" $resources }}
dapr.io/sidecar-memory-request: {{ . | quote }}
{{- end }}
{{- with dig "limits" "cpu" "" $resources }}
dapr.io/sidecar-cpu-limit: {{ . | quote }}
{{- end }}
{{- with dig "limits" "memory" "" $resources }}
dapr.io/sidecar-memory-limit: {{ . | quote }}
{{- end }}
dapr.io/sidecar-seccomp-profile-type: RuntimeDefault
dapr.io/graceful-shutdown-seconds: {{ $dapr.gracefulShutdownSeconds | quote }}
dapr.io/block-shutdown-duration: {{ include "todo.blockSeconds" .root }}s
dapr.io/disable-builtin-k8s-secret-store: "true"
{{- $mounts := list }}
{{- if include "todo.dapr.readsKubernetes" .root }}{{ $mounts = append $mounts "kube-api-access:/var/run/secrets/kubernetes.io/serviceaccount" }}{{ end }}
{{- if include "todo.dapr.mountsDatabaseCa" . }}
{{- $mounts = append $mounts "database-ca:/database-ca" }}
dapr.io/env: PGSSLROOTCERT=/database-ca/ca.crt
{{- end }}
{{- with $mounts }}
dapr.io/volume-mounts: {{ join "," . }}
{{- end }}
{{- with $dapr.sidecarImage }}
dapr.io/sidecar-image: {{ . }}
{{- end }}
{{- end }}
