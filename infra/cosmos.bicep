// Documents. One partition a tenant; no keys; paid by use.

param name string
param location string
param tags object
param appPrincipalId string
@description('Seeds the directory. Empty: nobody.')
param deployerPrincipalId string
param workspaceId string

// "Cosmos DB Built-in Data Contributor", of the account's own roles, not of Azure's.
var dataContributor = '${account.id}/sqlRoleDefinitions/00000000-0000-0000-0000-000000000002'

resource account 'Microsoft.DocumentDB/databaseAccounts@2025-10-15' = {
  name: name
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  properties: {
    databaseAccountOfferType: 'Standard'
    locations: [{ locationName: location, failoverPriority: 0, isZoneRedundant: false }]
    capabilities: [{ name: 'EnableServerless' }]
    // Two instances must agree about what was just written. A read costs two units instead of one.
    consistencyPolicy: { defaultConsistencyLevel: 'Strong' }
    backupPolicy: { type: 'Continuous', continuousModeProperties: { tier: 'Continuous7Days' } }
    disableLocalAuth: true
    disableKeyBasedMetadataWriteAccess: true
    minimalTlsVersion: 'Tls12'
    publicNetworkAccess: 'Enabled'
  }
}

resource database 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases@2025-10-15' = {
  parent: account
  name: 'pool'
  properties: { resource: { id: 'pool' } }
}

resource documents 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2025-10-15' = {
  parent: database
  name: 'documents'
  properties: {
    resource: {
      id: 'documents'
      partitionKey: { kind: 'Hash', paths: ['/tenantId'], version: 2 }
      // On, and each document says for itself when it ends.
      defaultTtl: -1
      indexingPolicy: loadJsonContent('documents-index.json')
    }
  }
}

resource directory 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2025-10-15' = {
  parent: database
  name: 'tenants'
  properties: {
    resource: { id: 'tenants', partitionKey: { kind: 'Hash', paths: ['/id'], version: 2 } }
  }
}

resource appData 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2025-10-15' = {
  parent: account
  name: guid(database.id, appPrincipalId, dataContributor)
  properties: {
    principalId: appPrincipalId
    roleDefinitionId: dataContributor
    scope: '${account.id}/dbs/${database.name}'
  }
  dependsOn: [
    documents
    directory
  ]
}

// Who deploys may write the directory, and no tenant's documents.
resource deployerData 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2025-10-15' = if (!empty(deployerPrincipalId)) {
  parent: account
  name: guid(directory.id, deployerPrincipalId, dataContributor)
  properties: {
    principalId: deployerPrincipalId
    roleDefinitionId: dataContributor
    scope: '${account.id}/dbs/${database.name}/colls/${directory.name}'
  }
  dependsOn: [
    appData
  ]
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: account
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'ControlPlaneRequests', enabled: true }]
    metrics: [{ category: 'Requests', enabled: true }]
  }
}

output name string = account.name
output endpoint string = 'https://${account.name}.documents.azure.com/'
output database string = database.name
