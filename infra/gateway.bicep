// API Management in front of the app: the only way in. The API is what `handler openapi` says.

param name string
param location string
param tags object
param publisherEmail string
param appName string
param insightsName string
param workspaceId string
param tokenIssuer string
param openIdConfigUrl string
param apiAudience string
param tenantClaim string
param rateCalls int
param rateBurst int

var roles = loadJsonContent('roles.json')
// Operations that answer with a stream. An import spells `runs_create` as `runs-create`.
var streams = ['files-content', 'runs-create', 'runs-create-alias', 'runs-events', 'runs-submit']
// What the policies call by {{name}}.
var namedValues = [
  { name: 'tenant-claim', value: tenantClaim }
  { name: 'openid-config-url', value: openIdConfigUrl }
  { name: 'api-audience', value: apiAudience }
  { name: 'token-issuer', value: tokenIssuer }
  { name: 'rate-calls', value: string(rateCalls) }
  { name: 'rate-burst', value: string(rateBurst) }
]

resource app 'Microsoft.Web/sites@2024-11-01' existing = {
  name: appName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource service 'Microsoft.ApiManagement/service@2024-05-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: 'BasicV2', capacity: 1 }
  identity: { type: 'SystemAssigned' }
  properties: {
    publisherEmail: publisherEmail
    publisherName: 'Pooled agents'
  }
}

resource values 'Microsoft.ApiManagement/service/namedValues@2024-05-01' = [for item in namedValues: {
  parent: service
  name: item.name
  properties: { displayName: item.name, value: item.value }
}]

// The host's own key, read and stored within the deployment; it is in no output.
resource key 'Microsoft.ApiManagement/service/namedValues@2024-05-01' = {
  parent: service
  name: 'function-key'
  properties: {
    displayName: 'function-key'
    secret: true
    value: listKeys('${app.id}/host/default', '2024-11-01').functionKeys.default
  }
}

resource api 'Microsoft.ApiManagement/service/apis@2024-05-01' = {
  parent: service
  name: 'pooled-agents'
  properties: {
    displayName: 'Pooled agents'
    path: ''
    protocols: ['https']
    // Paths of the document begin with /api, as the app's do.
    serviceUrl: 'https://${app.properties.defaultHostName}'
    format: 'openapi+json'
    value: string(loadJsonContent('openapi.json'))
    translateRequiredQueryParameters: 'query'
    // Callers show a token. There are no subscription keys to lose.
    subscriptionRequired: false
  }
}

resource policy 'Microsoft.ApiManagement/service/apis/policies@2024-05-01' = {
  parent: api
  name: 'policy'
  properties: { format: 'rawxml', value: loadTextContent('policies/api.xml') }
  dependsOn: [
    values
    key
  ]
}

resource streamPolicies 'Microsoft.ApiManagement/service/apis/operations/policies@2024-05-01' = [for operation in streams: {
  name: '${service.name}/${api.name}/${operation}/policy'
  properties: { format: 'rawxml', value: loadTextContent('policies/stream.xml') }
  dependsOn: [
    policy
  ]
}]

resource publisher 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, service.id, roles.MonitoringMetricsPublisher.id)
  scope: insights
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.MonitoringMetricsPublisher.id)
    principalId: service.identity.principalId
    principalType: 'ServicePrincipal'
  }
}

resource logger 'Microsoft.ApiManagement/service/loggers@2024-05-01' = {
  parent: service
  name: 'insights'
  properties: {
    loggerType: 'applicationInsights'
    resourceId: insights.id
    credentials: { connectionString: insights.properties.ConnectionString, identityClientId: 'SystemAssigned' }
  }
  dependsOn: [
    publisher
  ]
}

// Times and statuses; no body, no header, no address.
resource tracing 'Microsoft.ApiManagement/service/apis/diagnostics@2024-05-01' = {
  parent: api
  name: 'applicationinsights'
  properties: {
    loggerId: logger.id
    alwaysLog: 'allErrors'
    httpCorrelationProtocol: 'W3C'
    logClientIp: false
    verbosity: 'error'
    operationNameFormat: 'Name'
    sampling: { samplingType: 'fixed', percentage: 100 }
    frontend: { request: { headers: [], body: { bytes: 0 } }, response: { headers: [], body: { bytes: 0 } } }
    backend: { request: { headers: [], body: { bytes: 0 } }, response: { headers: [], body: { bytes: 0 } } }
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: service
  properties: {
    workspaceId: workspaceId
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output url string = service.properties.gatewayUrl
