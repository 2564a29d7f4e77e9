// The index. Roles only, no keys.

param name string
param location string
param tags object
@allowed(['basic', 'standard'])
param sku string
param appPrincipalId string
param workspaceId string

var roles = loadJsonContent('roles.json')
// Documents, and the making of indexes.
var appRoles = [roles.SearchIndexDataContributor.id, roles.SearchServiceContributor.id]

resource service 'Microsoft.Search/searchServices@2025-05-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: sku }
  identity: { type: 'SystemAssigned' }
  properties: {
    disableLocalAuth: true
    replicaCount: 1
    partitionCount: 1
    publicNetworkAccess: 'Enabled'
    semanticSearch: 'disabled'
  }
}

resource assignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in appRoles: {
  name: guid(service.id, appPrincipalId, role)
  scope: service
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}]

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: service
  properties: {
    workspaceId: workspaceId
    // Operations and their times; not the queries' words.
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output name string = service.name
output endpoint string = 'https://${service.name}.search.windows.net'
