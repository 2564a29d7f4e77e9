// Models, and the agent service in its standard setup: its state lies in stores of ours. The project's identity may do much
// in them, so they are its alone: blobs, documents and an index of its own, and no right to those that hold tenants' data.
//
// The order matters: connections, then the roles of the project's identity, then the account's capability host, then the
// project's, then the right to the database that the capability host makes.

param name string
param storageName string
param storageSku string
param location string
param tags object
param chatModel object
param embeddingModel object
param cosmosName string
param searchName string
param appPrincipalId string
param workspaceId string

var roles = loadJsonContent('roles.json')

resource cosmos 'Microsoft.DocumentDB/databaseAccounts@2025-10-15' = {
  name: cosmosName
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  properties: {
    databaseAccountOfferType: 'Standard'
    locations: [{ locationName: location, failoverPriority: 0, isZoneRedundant: false }]
    capabilities: [{ name: 'EnableServerless' }]
    consistencyPolicy: { defaultConsistencyLevel: 'Session' }
    backupPolicy: { type: 'Continuous', continuousModeProperties: { tier: 'Continuous7Days' } }
    disableLocalAuth: true
    disableKeyBasedMetadataWriteAccess: true
    minimalTlsVersion: 'Tls12'
    publicNetworkAccess: 'Enabled'
  }
}

resource search 'Microsoft.Search/searchServices@2025-05-01' = {
  name: searchName
  location: location
  tags: tags
  sku: { name: 'basic' }
  properties: {
    disableLocalAuth: true
    replicaCount: 1
    partitionCount: 1
    publicNetworkAccess: 'Enabled'
    semanticSearch: 'disabled'
  }
}

resource storage 'Microsoft.Storage/storageAccounts@2025-08-01' = {
  name: storageName
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: storageSku }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    isLocalUserEnabled: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: 'Enabled'
    networkAcls: { defaultAction: 'Allow', bypass: 'AzureServices' }
    sasPolicy: { sasExpirationPeriod: '00.01:00:00', expirationAction: 'Log' }
  }
}

resource account 'Microsoft.CognitiveServices/accounts@2026-05-01' = {
  name: name
  location: location
  tags: tags
  kind: 'AIServices'
  sku: { name: 'S0' }
  identity: { type: 'SystemAssigned' }
  properties: {
    customSubDomainName: name
    allowProjectManagement: true
    disableLocalAuth: true
    publicNetworkAccess: 'Enabled'
  }
}

// One after another: the account refuses two at a time.
@batchSize(1)
resource deployments 'Microsoft.CognitiveServices/accounts/deployments@2026-05-01' = [for model in [chatModel, embeddingModel]: {
  parent: account
  name: model.name
  sku: { name: model.sku, capacity: model.capacity }
  properties: {
    model: { format: 'OpenAI', name: model.name, version: model.version }
    versionUpgradeOption: 'OnceCurrentVersionExpired'
  }
}]

resource project 'Microsoft.CognitiveServices/accounts/projects@2026-05-01' = {
  parent: account
  name: 'pooled'
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: { displayName: 'Pooled agents', description: 'One project for all tenants; the app decides whose is what.' }
  dependsOn: [
    deployments
  ]
}

resource documentsConnection 'Microsoft.CognitiveServices/accounts/projects/connections@2026-05-01' = {
  parent: project
  name: 'documents'
  properties: {
    category: 'CosmosDb'
    target: cosmos.properties.documentEndpoint
    authType: 'AAD'
    metadata: { ApiType: 'Azure', ResourceId: cosmos.id, location: location }
  }
}

resource filesConnection 'Microsoft.CognitiveServices/accounts/projects/connections@2026-05-01' = {
  parent: project
  name: 'files'
  properties: {
    category: 'AzureStorageAccount'
    target: storage.properties.primaryEndpoints.blob
    authType: 'AAD'
    metadata: { ApiType: 'Azure', ResourceId: storage.id, location: location }
  }
}

resource vectorsConnection 'Microsoft.CognitiveServices/accounts/projects/connections@2026-05-01' = {
  parent: project
  name: 'vectors'
  properties: {
    category: 'CognitiveSearch'
    target: 'https://${searchName}.search.windows.net'
    authType: 'AAD'
    metadata: { ApiType: 'Azure', ResourceId: search.id, location: location }
  }
}

// May make its database; may not read documents by this role.
resource cosmosOperator 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(cosmos.id, project.id, roles.CosmosDBOperator.id)
  scope: cosmos
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.CosmosDBOperator.id)
    principalId: project.identity.principalId
    principalType: 'ServicePrincipal'
  }
}

resource storageOwner 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(storage.id, project.id, roles.StorageBlobDataOwner.id)
  scope: storage
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.StorageBlobDataOwner.id)
    principalId: project.identity.principalId
    principalType: 'ServicePrincipal'
  }
}

resource searchRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in [roles.SearchIndexDataContributor.id, roles.SearchServiceContributor.id]: {
  name: guid(search.id, project.id, role)
  scope: search
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    principalId: project.identity.principalId
    principalType: 'ServicePrincipal'
  }
}]

resource accountHost 'Microsoft.CognitiveServices/accounts/capabilityHosts@2026-05-01' = {
  parent: account
  name: 'agents'
  properties: { capabilityHostKind: 'Agents' }
  dependsOn: [
    project
    documentsConnection
    filesConnection
    vectorsConnection
    cosmosOperator
    storageOwner
    searchRoles
  ]
}

resource projectHost 'Microsoft.CognitiveServices/accounts/projects/capabilityHosts@2026-05-01' = {
  parent: project
  name: 'agents'
  properties: {
    threadStorageConnections: [documentsConnection.name]
    storageConnections: [filesConnection.name]
    vectorStoreConnections: [vectorsConnection.name]
  }
  dependsOn: [
    accountHost
  ]
}

resource projectData 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2025-10-15' = {
  parent: cosmos
  name: guid(cosmos.id, project.id, 'enterprise_memory')
  properties: {
    principalId: project.identity.principalId
    roleDefinitionId: '${cosmos.id}/sqlRoleDefinitions/00000000-0000-0000-0000-000000000002'
    scope: '${cosmos.id}/dbs/enterprise_memory'
  }
  dependsOn: [
    projectHost
  ]
}

// The app makes and runs agents in the project, and embeds with the account's deployments.
resource appAgents 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(project.id, appPrincipalId, roles.AzureAIUser.id)
  scope: project
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.AzureAIUser.id)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Each step says whose it is (`x-ms-user-identity`). No built-in role allows that, and Foundry answers 403 without it.
resource userRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'user-identity')
  properties: {
    roleName: 'Pool user identity (${name})'
    description: 'Say for which user an agent is asked; nothing else.'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: ['Microsoft.CognitiveServices/accounts/AIServices/agents/endpoints/UserIdentityImpersonation/action']
        notDataActions: []
      }
    ]
  }
}

resource appUsers 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(project.id, appPrincipalId, userRole.id)
  scope: project
  properties: {
    roleDefinitionId: userRole.id
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource appModels 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, appPrincipalId, roles.CognitiveServicesOpenAIUser.id)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.CognitiveServicesOpenAIUser.id)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: account
  properties: {
    workspaceId: workspaceId
    // Who called, and how long it took. `RequestResponse` and `Trace` may hold content: they stay off.
    logs: [{ category: 'Audit', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

output name string = account.name
output projectName string = project.name
output userRoleId string = userRole.id
output projectEndpoint string = 'https://${account.name}.services.ai.azure.com/api/projects/${project.name}'
output modelEndpoint string = 'https://${account.name}.openai.azure.com/openai/v1'
