// API Management in front of the app: the only way in. What it lets through is connect.bicep's to say.

param name string
param location string
param tags object
param publisherEmail string
param insightsName string
param workspaceId string
param tokenIssuer string
param openIdConfigUrl string
param apiAudience string
param tenantClaim string
param rateCalls int
param rateBurst int
param addressCalls int

var roles = loadJsonContent('roles.json')
// What the policies call by {{name}}; the function key is connect.bicep's.
var namedValues = [
  { name: 'tenant-claim', value: tenantClaim }
  { name: 'openid-config-url', value: openIdConfigUrl }
  { name: 'api-audience', value: apiAudience }
  { name: 'token-issuer', value: tokenIssuer }
  { name: 'rate-calls', value: string(rateCalls) }
  { name: 'rate-burst', value: string(rateBurst) }
  { name: 'address-calls', value: string(addressCalls) }
]

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

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: service
  properties: {
    workspaceId: workspaceId
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output name string = service.name
output url string = service.properties.gatewayUrl
