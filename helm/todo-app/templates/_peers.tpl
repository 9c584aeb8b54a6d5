{{/* Who may reach whom, as peers and ports of NetworkPolicies; checks.yaml asks here, too, where a host is. */}}
{{- define "todo.podsNamed" -}}
- podSelector:
    matchLabels:
      app.kubernetes.io/name: {{ . }}
{{- end }}
{{- define "todo.ports" -}}
{{- range . }}
- {protocol: TCP, port: {{ . }}}
{{- end }}
{{- end }}
{{- define "todo.outside" -}}
- ipBlock:
    cidr: 0.0.0.0/0
    except:
      {{- toYaml .Values.networkPolicy.privateRanges | nindent 6 }}
{{- end }}
{{- define "todo.dns" -}}
{{- $dns := .Values.networkPolicy.dns -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ $dns.namespace }}
      podSelector:
        matchLabels:
          {{- toYaml $dns.podLabels | nindent 10 }}
    {{- with $dns.nodeLocal }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}
{{- define "todo.database" -}}
- to:
    {{- include "todo.backingPeers" (dict "root" . "given" .Values.networkPolicy.databaseTo "hosts" (list .Values.database.host) "name" "postgres") | nindent 4 }}
  ports:
    {{- include "todo.ports" (list .Values.database.port) | nindent 4 }}
{{- end }}
{{/* The port of each host:port in a list with commas. */}}
{{- define "todo.addressPorts" -}}
{{- $ports := list -}}
{{- range $address := splitList "," . }}{{ $ports = append $ports (regexFind "[0-9]+$" (trim $address) | int) }}{{ end -}}
{{- toYaml (uniq $ports) }}
{{- end }}
{{/* The hosts of a URL, or of each host:port in a list with commas. */}}
{{- define "todo.addressHosts" -}}
{{- $hosts := list -}}
{{- range $address := splitList "," . -}}
{{- $hosts = append $hosts (regexReplaceAll "^[a-z]+://|:[0-9]+(/.*)?$|/.*$" (trim $address | lower) "" | trimAll "[].") -}}
{{- end -}}
{{- toYaml (uniq $hosts) }}
{{- end }}
{{/* Where a host is: an "address", "outside", or in the "cluster", as names of Services are: without a dot, with one
     (<service>.<namespace>, <pod>.<service>), with .svc and perhaps the cluster's domain behind, or .cluster.local. */}}
{{- define "todo.placeOf" -}}
{{- if or (contains ":" .) (regexMatch "^[0-9]+([.][0-9]+){3}$" .) -}}
address
{{- else if or (regexMatch "[.]svc([.]|$)|[.]cluster[.]local$" .) (lt (len (splitList "." .)) 3) -}}
cluster
{{- else -}}
outside
{{- end -}}
{{- end }}
{{- define "todo.cidr" }}{{ . }}/{{ ternary "128" "32" (contains ":" .) }}{{ end }}
{{- define "todo.address" -}}
- ipBlock:
    cidr: {{ include "todo.cidr" . }}
{{- end }}
{{/* The peers that are .given, or else by .hosts: pods here named .name, any pod of another namespace that a name has,
     an address, or, for a host elsewhere, any address, since a provider's may be a private one, unless it .isPublic. */}}
{{- define "todo.backingPeers" -}}
{{- $root := .root }}{{ $name := .name -}}
{{- if .given -}}
{{- toYaml .given }}
{{- else -}}
{{- $peers := list -}}
{{- range .hosts -}}
{{- $host := lower . | trimAll "[]." -}}
{{- $place := include "todo.placeOf" $host -}}
{{- if eq $place "address" -}}
{{- $peers = append $peers (include "todo.address" $host) -}}
{{- else if eq $place "outside" -}}
{{- $peers = append $peers (ternary (include "todo.outside" $root) "- ipBlock:\n    cidr: 0.0.0.0/0" ($.isPublic | default false)) -}}
{{- else -}}
{{- $labels := regexReplaceAll "[.]svc([.].*)?$|[.]cluster[.]local$" $host "" | splitList "." -}}
{{- $isElsewhere := and (gt (len $labels) 1) (ne (last $labels) $root.Release.Namespace) -}}
{{- /* the second label of two alone may be a Service of here as well */ -}}
{{- if or (not $isElsewhere) (eq $host (join "." $labels)) }}{{ $peers = append $peers (include "todo.podsNamed" $name) }}{{ end -}}
{{- if $isElsewhere }}{{ $peers = append $peers (printf "- namespaceSelector:\n    matchLabels:\n      kubernetes.io/metadata.name: %s" (last $labels)) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- uniq $peers | join "\n" }}
{{- end -}}
{{- end }}
{{- define "todo.tracingPeers" -}}
{{- $place := include "todo.placeOf" .host -}}
{{- if .root.Values.networkPolicy.tracingTo -}}
{{- toYaml .root.Values.networkPolicy.tracingTo }}
{{- else if eq $place "address" -}}
{{- include "todo.address" .host }}
{{- else if eq $place "cluster" -}}
- namespaceSelector: {}
{{- else -}}
{{- include "todo.outside" .root }}
{{- end }}
{{- end }}
{{/* Where the API server is: given, looked up, or anywhere private. */}}
{{- define "todo.apiServer" -}}
{{- $policy := .Values.networkPolicy -}}
{{- $peers := $policy.apiServer -}}
{{- if and (not $peers) $policy.apiServerLookup -}}
{{- range $slice := (lookup "discovery.k8s.io/v1" "EndpointSlice" "default" "").items | default list -}}
{{- if eq "kubernetes" (dig "metadata" "labels" "kubernetes.io/service-name" "" $slice) -}}
{{- range $endpoint := $slice.endpoints }}{{ range $address := $endpoint.addresses }}{{ range $port := $slice.ports -}}
{{- $peers = append $peers (dict "cidr" (include "todo.cidr" $address) "port" (int $port.port)) -}}
{{- end }}{{ end }}{{ end -}}
{{- end -}}
{{- end -}}
{{- with (lookup "v1" "Service" "default" "kubernetes").spec -}}
{{- $peers = append $peers (dict "cidr" (include "todo.cidr" .clusterIP) "port" 443) -}}
{{- end -}}
{{- end -}}
{{- if $peers -}}
{{- range $peer := $peers }}
- to:
    - ipBlock:
        cidr: {{ $peer.cidr }}
  ports:
    - {protocol: TCP, port: {{ $peer.port }}}
{{- end }}
{{- else }}
- to:
    - ipBlock: {cidr: 10.0.0.0/8}
    - ipBlock: {cidr: 172.16.0.0/12}
    - ipBlock: {cidr: 192.168.0.0/16}
  ports:
    - {protocol: TCP, port: 443}
    - {protocol: TCP, port: 6443}
{{- end }}
{{- end }}
{{/* Who brings in what browsers send: given, or where the controllers of the classes in use run. */}}
{{- define "todo.ingressPeers" -}}
{{- $policy := .Values.networkPolicy -}}
{{- $gateway := .Values.httpRoute.gateway.className -}}
{{- if $policy.ingressFrom -}}
{{- toYaml $policy.ingressFrom }}
{{- else -}}
{{- $classes := dict -}}
{{- if .Values.httpRoute.enabled }}{{ $_ := set $classes "httpRoute.gateway.className" $gateway }}{{ end -}}
{{- if or .Values.ingress.enabled (not .Values.httpRoute.enabled) }}{{ $_ := set $classes "ingress.className" .Values.ingress.className }}{{ end -}}
{{- range $value, $class := $classes -}}
{{- /* a Gateway of class nginx is another program's */ -}}
{{- if not (or (eq $class "traefik") (and (eq $class "nginx") (eq $value "ingress.className"))) -}}
{{- fail (printf "%s is %s: where its controller runs is not known here; networkPolicy.ingressFrom must say it, for instance [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %s}}}]" $value $class $class) }}
{{- end -}}
{{- end -}}
{{- range $class := values $classes | uniq | sortAlpha }}
{{- include (printf "todo.peers.%s" $class) $ }}
{{- end }}
{{- end }}
{{- end }}
{{- define "todo.peers.nginx" }}
- namespaceSelector:
    matchExpressions:
      - {key: kubernetes.io/metadata.name, operator: In, values: [ingress-nginx, nginx-ingress, ingress]}
  podSelector:
    matchExpressions:
      - {key: app.kubernetes.io/name, operator: In, values: [ingress-nginx, nginx-ingress, nginx-ingress-microk8s]}
{{- end }}
{{- define "todo.peers.traefik" }}
{{- range $label := list "app.kubernetes.io/name" "app" }}
- namespaceSelector:
    matchExpressions:
      - {key: kubernetes.io/metadata.name, operator: In, values: [kube-system, traefik, traefik-system, ingress]}
  podSelector:
    matchLabels:
      {{ $label }}: traefik
{{- end }}
{{- end }}
