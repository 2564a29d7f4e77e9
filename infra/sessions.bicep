// Where tenants' code runs: a sandbox for each session, without a network and without an identity.

param name string
param location string
param tags object
param appPrincipalId string

var roles = loadJsonContent('roles.json')

resource pool 'Microsoft.App/sessionPools@2026-01-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    containerType: 'PythonLTS'
    poolManagementType: 'Dynamic'
    scaleConfiguration: { maxConcurrentSessions: 50 }
    dynamicPoolConfiguration: { lifecycleConfiguration: { lifecycleType: 'Timed', cooldownPeriodInSeconds: 300 } }
    sessionNetworkConfiguration: { status: 'EgressDisabled' }
  }
}

resource executor 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(pool.id, appPrincipalId, roles.AzureContainerAppsSessionExecutor.id)
  scope: pool
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.AzureContainerAppsSessionExecutor.id)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

output endpoint string = pool.properties.poolManagementEndpoint
