{{/* The settings of service .name (.svc) that are no secrets. */}}
{{- define "todo.settings" -}}
{{- $values := .root.Values -}}
{{- $url := include "todo.publicUrl" .root -}}
{{- $settings := dict "HTTP_ADDRESS" "0.0.0.0" "HTTP_PORT" "8080" "APP_PORT" "9080" "DAPR_HTTP_PORT" "3500" "LOG_LEVEL" $values.logLevel "DRAIN_MS" (mul 1000 $values.drainSeconds | toString) -}}
{{- if eq .name "backend" -}}
{{- $_ := set $settings "HTTP_PROXIES" (concat (list "127.0.0.0/8" "::1") $values.ingress.proxies | join ",") -}}
{{- $_ := set $settings "PUBLIC_URL" $url -}}
{{- $_ := set $settings "COOKIE_SECURE" (hasPrefix "https:" $url | toString) -}}
{{- else if eq .name "notification" -}}
{{- $_ := set $settings "PUBLIC_URL" $url -}}
{{- $_ := set $settings "MAIL_FROM" $values.mail.from -}}
{{- $_ := set $settings "PUSH_SUBJECT" $values.mail.pushSubject -}}
{{- else if eq .name "websocket" -}}
{{- $_ := set $settings "ALLOWED_ORIGINS" (prepend $values.extraOrigins $url | join ",") -}}
{{- else if and (eq .name "audit") $values.audit.heads.volume -}}
{{- $_ := set $settings "HEADS_DIR" "/heads" -}}
{{- end -}}
{{- range $key, $value := .svc.env }}{{ $_ := set $settings $key (toString $value) }}{{ end -}}
{{- toYaml $settings }}
{{- end }}

{{/* The template of a pod of service .name (.facts: its line of the catalog, .svc: its settings). */}}
{{- define "todo.pod" -}}
{{- $values := .root.Values -}}
{{- $name := .name -}}
metadata:
  labels:
    {{- include "todo.podLabels" . | nindent 4 }}
    {{- include "todo.usesLabels" . | nindent 4 }}
    {{- with .svc.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    {{- include "todo.dapr.annotations" . | nindent 4 }}
    checksum/settings: {{ include "todo.settings" . | sha256sum }}
    checksum/dapr: {{ printf "%s%s" (include "todo.dapr.configuration" .) (include "todo.dapr.resiliency" .root) | sha256sum }}
    {{- with .svc.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ $name }}
  # the sidecar alone has the token, by its own volume
  automountServiceAccountToken: false
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ add (include "todo.blockSeconds" .root) $values.dapr.gracefulShutdownSeconds 8 }}
  securityContext:
    {{- include "todo.podSecurity" . | nindent 4 }}
  {{- include "todo.pullSecrets" .root | nindent 2 }}
  {{- with .svc.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .svc.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .svc.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .svc.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- $spread := .svc.topologySpread }}
  {{- if or $spread.hostname $spread.zone }}
  topologySpreadConstraints:
    {{- range $key, $when := dict "kubernetes.io/hostname" $spread.hostname "topology.kubernetes.io/zone" $spread.zone }}
    {{- if $when }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: {{ $when }}
      labelSelector:
        matchLabels:
          {{- include "todo.selector" (dict "root" $.root "name" $name) | nindent 10 }}
      {{- if eq $.facts.kind "Deployment" }}
      matchLabelKeys: [pod-template-hash]
      {{- end }}
    {{- end }}
    {{- end }}
  {{- end }}
  {{- if $values.waitForBacking }}
  initContainers:
    # a sidecar ends that cannot reach its broker at its start, and a policy may need a moment to know a new pod
    - name: wait
      image: {{ include "todo.image" . }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args:
        - wait
        - {{ include "todo.brokerAddress" .root | quote }}
        {{- if or .facts.hasDatabase (eq $values.state.type "postgresql") }}
        - {{ printf "%s:%v" $values.database.host $values.database.port | quote }}
        {{- end }}
      resources:
        requests: {cpu: 10m, memory: 16Mi}
        limits: {memory: 64Mi}
      securityContext:
        {{- include "todo.containerSecurity" . | nindent 8 }}
  {{- end }}
  containers:
    - name: {{ $name }}
      image: {{ include "todo.image" . }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      ports:
        - name: http
          containerPort: 8080
      envFrom:
        - configMapRef:
            name: {{ $name }}
      env:
        - name: DAPR_API_TOKEN
          valueFrom:
            secretKeyRef:
              name: {{ include "todo.secretName" (dict "root" .root "name" $name "what" "daprToken") }}
              key: token
        - name: APP_API_TOKEN
          valueFrom:
            secretKeyRef:
              name: {{ include "todo.secretName" (dict "root" .root "name" $name "what" "appToken") }}
              key: token
        {{- if eq .facts.kind "StatefulSet" }}
        - name: REPLICA_NAME
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        {{- end }}
        {{- if .facts.hasDatabase }}{{ with include "todo.databaseEnv" .root }}
        {{- . | nindent 8 }}
        {{- end }}{{ end }}
      startupProbe:
        httpGet: {path: /health, port: http}
        periodSeconds: 1
        timeoutSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: {path: /health, port: http}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet: {path: /ready, port: http}
        periodSeconds: 2
        timeoutSeconds: 4
        failureThreshold: 2
      {{- if $values.preStopSeconds }}
      lifecycle:
        preStop:
          sleep:
            seconds: {{ $values.preStopSeconds }}
      {{- end }}
      resources:
        {{- toYaml .svc.resources | nindent 8 }}
      securityContext:
        {{- include "todo.containerSecurity" . | nindent 8 }}
      {{- $heads := and (eq $name "audit") $values.audit.heads.volume }}
      {{- $databaseMount := and .facts.hasDatabase (include "todo.databaseMount" .root) }}
      {{- if or $heads $databaseMount }}
      volumeMounts:
        {{- if $heads }}
        - name: heads
          mountPath: /heads
        {{- end }}
        {{- with $databaseMount }}
        {{- . | nindent 8 }}
        {{- end }}
      {{- end }}
  {{- $reads := include "todo.dapr.readsKubernetes" .root }}
  {{- $databaseVolume := and (or .facts.hasDatabase (include "todo.dapr.mountsDatabaseCa" .)) (include "todo.databaseVolume" .root) }}
  {{- if or $reads $heads $databaseVolume }}
  volumes:
    {{- if $reads }}
    - name: kube-api-access
      projected:
        defaultMode: 0440
        sources:
          - serviceAccountToken:
              expirationSeconds: 3607
              path: token
          - configMap:
              name: kube-root-ca.crt
              items:
                - key: ca.crt
                  path: ca.crt
          - downwardAPI:
              items:
                - path: namespace
                  fieldRef:
                    apiVersion: v1
                    fieldPath: metadata.namespace
    {{- end }}
    {{- with $heads }}
    - name: heads
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with $databaseVolume }}
    {{- . | nindent 4 }}
    {{- end }}
  {{- end }}
{{- end }}
