{{- define "tollgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- /* 50: the longest ending must fit into a name of 63. */ -}}
{{- define "tollgate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "tollgate.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "tollgate.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tollgate.selector" -}}
app.kubernetes.io/name: {{ include "tollgate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: service
{{- end -}}

{{- define "tollgate.commonLabels" -}}
app.kubernetes.io/name: {{ include "tollgate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end -}}

{{- define "tollgate.labels" -}}
{{ include "tollgate.commonLabels" . }}
app.kubernetes.io/component: service
{{- end -}}

{{- define "tollgate.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "tollgate.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "tollgate.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{- define "tollgate.gracePeriod" -}}
{{- $least := int (add .Values.drain.delay .Values.drain.deadline 10) -}}
{{- $wanted := .Values.terminationGracePeriodSeconds -}}
{{- if kindIs "invalid" $wanted -}}
{{ $least }}
{{- else if lt (int $wanted) $least -}}
{{- fail (printf "terminationGracePeriodSeconds is %d: at least %d, drain.delay + drain.deadline + 10, or calls are cut" (int $wanted) $least) -}}
{{- else -}}
{{ int $wanted }}
{{- end -}}
{{- end -}}

{{- define "tollgate.catalogConfigMap" -}}
{{- if .Values.existingCatalog.configMap -}}
{{ .Values.existingCatalog.configMap }}
{{- else if .Values.catalog -}}
{{ include "tollgate.fullname" . }}-catalog
{{- end -}}
{{- end -}}

{{- define "tollgate.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
{{- /* Reads the mounted Secrets, whose files are root's. */}}
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "tollgate.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- /* Settings that `config` may not say, and what says them; a schema could not name it. */ -}}
{{- define "tollgate.elsewhere" -}}
callers: the Secret says it, under secretKeys.callers
callers_file: the Secret says it, under secretKeys.callers
catalog: catalog or existingCatalog says it
catalog_generation: with it no rollback could bring the older catalog back
database_direct_url: the Secret says it, under secretKeys.databaseDirectUrl
database_direct_url_file: the Secret says it, under secretKeys.databaseDirectUrl
database_url: the Secret says it, under secretKeys.databaseUrl
database_url_file: the Secret says it, under secretKeys.databaseUrl
drain_deadline: drain.deadline says it
drain_delay: drain.delay says it
grpc_listen: the chart says it; the Service's port is service.port
insecure_no_auth: it is for loopback addresses only; callers are in the Secret, under secretKeys.callers
log_format: log.format says it
ops_listen: the chart says it, and the probes ask there
stripe_secret_key: the Secret says it, under secretKeys.stripeSecretKey
stripe_secret_key_file: the Secret says it, under secretKeys.stripeSecretKey
stripe_webhook_secrets: the Secret says it, under secretKeys.stripeWebhookSecrets
stripe_webhook_secrets_file: the Secret says it, under secretKeys.stripeWebhookSecrets
tls_certificate_file: tls.existingSecret says it, under tls.certificateKey
tls_client_ca_file: tls.existingSecret says it, under tls.clientCaKey
tls_client_certificate: tls.clientCertificate says it
tls_key_file: tls.existingSecret says it, under tls.privateKeyKey
webhook_listen: the chart says it; the Service's port is webhook.port
{{- end -}}

{{- /* Every container has the same settings: a wrong one already stops the first. */ -}}
{{- define "tollgate.env" -}}
- {name: TOLLGATE_DATABASE_URL_FILE, value: /etc/tollgate/secrets/database-url}
{{- if .Values.secretKeys.databaseDirectUrl }}
- {name: TOLLGATE_DATABASE_DIRECT_URL_FILE, value: /etc/tollgate/secrets/database-direct-url}
{{- end }}
- {name: TOLLGATE_STRIPE_SECRET_KEY_FILE, value: /etc/tollgate/secrets/stripe-secret-key}
- {name: TOLLGATE_STRIPE_WEBHOOK_SECRETS_FILE, value: /etc/tollgate/secrets/stripe-webhook-secrets}
- {name: TOLLGATE_CALLERS_FILE, value: /etc/tollgate/secrets/callers}
- {name: TOLLGATE_LOG_FORMAT, value: {{ .Values.log.format }}}
- {name: TOLLGATE_DRAIN_DELAY, value: {{ .Values.drain.delay }}s}
- {name: TOLLGATE_DRAIN_DEADLINE, value: {{ .Values.drain.deadline }}s}
{{- if .Values.tls.existingSecret }}
- {name: TOLLGATE_TLS_CERTIFICATE_FILE, value: /etc/tollgate/tls/tls.crt}
- {name: TOLLGATE_TLS_KEY_FILE, value: /etc/tollgate/tls/tls.key}
{{- if .Values.tls.clientCaKey }}
- {name: TOLLGATE_TLS_CLIENT_CA_FILE, value: /etc/tollgate/tls/ca.crt}
- {name: TOLLGATE_TLS_CLIENT_CERTIFICATE, value: {{ .Values.tls.clientCertificate }}}
{{- end }}
{{- end }}
{{- with .Values.serviceAccountTokens }}
{{- if .enabled }}
{{- range $name := list "jwt_jwks" "jwt_issuer" "jwt_audience" "jwt_jwks_ca_file" "jwt_jwks_token_file" }}
{{- if hasKey $.Values.config $name }}
{{- fail (printf "config.%s: serviceAccountTokens says it already; one issuer only" $name) }}
{{- end }}
{{- end }}
- {name: TOLLGATE_JWT_JWKS, value: {{ .jwks | quote }}}
- {name: TOLLGATE_JWT_ISSUER, value: {{ .issuer | quote }}}
- {name: TOLLGATE_JWT_AUDIENCE, value: {{ .audience | quote }}}
- {name: TOLLGATE_JWT_JWKS_CA_FILE, value: /etc/tollgate/cluster/ca.crt}
- {name: TOLLGATE_JWT_JWKS_TOKEN_FILE, value: /etc/tollgate/cluster/token}
{{- end }}
{{- end }}
{{- $elsewhere := include "tollgate.elsewhere" . | fromYaml }}
{{- range $name, $value := .Values.config }}
{{- with get $elsewhere $name }}
{{- fail (printf "config.%s: %s" $name .) }}
{{- end }}
- {name: TOLLGATE_{{ upper $name }}, value: {{ $value | quote }}}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tollgate.mounts" -}}
- {name: secrets, mountPath: /etc/tollgate/secrets, readOnly: true}
{{- if .Values.tls.existingSecret }}
- {name: tls, mountPath: /etc/tollgate/tls, readOnly: true}
{{- end }}
{{- if .Values.serviceAccountTokens.enabled }}
- {name: cluster, mountPath: /etc/tollgate/cluster, readOnly: true}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}
