// One tenant: a container, a key or a vault, and what the tenant's identity may do, which is this and no more.
// main.bicep runs it for each tenant of tenants.json. By itself, for one tenant of an existing pool, after its identity:
//   az deployment group create -g GROUP -n identities-ID -f infra/identities.bicep -p tenant=ID
//   az deployment group create -g GROUP -n tenant-ID -f infra/tenant.bicep -p tenant=ID principalId=… (the output of the first)
//     storageName=… (the outputs of main.bicep)

@description('The tenant: `^[a-z0-9]+(-[a-z0-9]+)*$`, 3 to 40 characters. hooks/lib.sh and the service hold it to that.')
@minLength(3)
@maxLength(40)
param tenant string
@description('The object ids of identities.bicep.')
param principalId string
@description('May do what the first may in the tenant\'s blob container, and nothing else. Empty: nobody.')
param workloadPrincipalId string = ''
param location string = resourceGroup().location
param storageName string
param cosmosName string
param cosmosDatabase string
param vaultName string
param foundryName string
param projectName string
@description('The role of storage.bicep.')
param tenantRoleId string
@description('The role of foundry.bicep.')
param userRoleId string
@description('Tells vaults of different pools apart: names of vaults are the world\'s.')
param vaultToken string
@description('Documents in a container of its own; else in the shared one, where the app alone keeps tenants apart.')
param ownContainers bool = false
@description('Secrets and keys in a vault of its own; else a key in the shared one.')
param ownVault bool = false

var roles = loadJsonContent('roles.json')
var tags = { tenantScope: 'tenant', tenantId: tenant }
// "Cosmos DB Built-in Data Contributor", of the account's own roles, not of Azure's.
var dataContributor = '${cosmos.id}/sqlRoleDefinitions/00000000-0000-0000-0000-000000000002'
var collection = ownContainers ? '${tenant}-documents' : 'documents'
// A tenant that is called as a container or queue of the pool or of the Functions host would be given it. This is no container's name,
// so that the deployment fails.
var containerName = contains(['uploads', 'deployments', 'dead-events', 'blob-events', 'ingest', 'runs'], replace(tenant, '-poison', '')) || startsWith(tenant, 'azure-webjobs') ? '-' : tenant
// Vaults are named by a hash: a tenant's name may be longer than a vault's.
var ownVaultName = 'kv-${uniqueString(vaultToken, tenant)}'
var vaultRoles = ownVault ? [roles.KeyVaultSecretsUser.id, roles.KeyVaultCryptoServiceEncryptionUser.id] : []
// What the identity may read or write carries the tenant's name; conditions/*.txt say how, in Azure's own language.
var ownCondition = replace(loadTextContent('conditions/own-container.txt'), 'TENANT', tenant)
var dropCondition = replace(loadTextContent('conditions/drop-folder.txt'), 'TENANT', tenant)

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: 'id-tenant-${tenant}'
}

// Blobs: its container, its drop folder, and links to them.

resource account 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: storageName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-08-01' existing = {
  parent: account
  name: 'default'
}

resource uploads 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-08-01' existing = {
  parent: blobs
  name: 'uploads'
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-08-01' = {
  parent: blobs
  name: containerName
  properties: { publicAccess: 'None', metadata: { tenantId: tenant } }
}

resource ownBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(container.id, principalId, tenantRoleId)
  scope: container
  properties: {
    roleDefinitionId: tenantRoleId
    principalId: principalId
    principalType: 'ServicePrincipal'
    conditionVersion: '2.0'
    condition: ownCondition
  }
}

resource workloadBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(workloadPrincipalId)) {
  name: guid(container.id, workloadPrincipalId, tenantRoleId)
  scope: container
  properties: {
    roleDefinitionId: tenantRoleId
    principalId: workloadPrincipalId
    principalType: 'ServicePrincipal'
    conditionVersion: '2.0'
    condition: ownCondition
  }
}

resource dropFolder 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(uploads.id, principalId, tenantRoleId)
  scope: uploads
  properties: {
    roleDefinitionId: tenantRoleId
    principalId: principalId
    principalType: 'ServicePrincipal'
    conditionVersion: '2.0'
    condition: dropCondition
  }
}

// A key that signs links; what a link opens is what the identity may do.
resource delegator 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, principalId, roles.StorageBlobDelegator.id)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.StorageBlobDelegator.id)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Documents.

resource cosmos 'Microsoft.DocumentDB/databaseAccounts@2025-10-15' existing = {
  name: cosmosName
}

resource database 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases@2025-10-15' existing = {
  parent: cosmos
  name: cosmosDatabase
}

resource documents 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2025-10-15' = if (ownContainers) {
  parent: database
  name: '${tenant}-documents'
  tags: tags
  properties: {
    resource: {
      id: '${tenant}-documents'
      partitionKey: { kind: 'Hash', paths: ['/tenantId'], version: 2 }
      defaultTtl: -1
      indexingPolicy: loadJsonContent('documents-index.json')
    }
  }
}

// A key in the shared vault, or a vault. What is a tenant's there is called `TENANT--name`. Secrets in the shared vault are given one by
// one: no role and no condition goes by the beginning of a name.

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: vaultName
}

resource key 'Microsoft.KeyVault/vaults/keys@2026-02-01' = if (!ownVault) {
  parent: vault
  name: '${tenant}--data'
  tags: tags
  properties: { kty: 'RSA', keySize: 3072, keyOps: ['wrapKey', 'unwrapKey'] }
}

resource keyUser 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!ownVault) {
  name: guid(key.id, principalId, roles.KeyVaultCryptoServiceEncryptionUser.id)
  scope: key
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.KeyVaultCryptoServiceEncryptionUser.id)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource tenantVault 'Microsoft.KeyVault/vaults@2026-02-01' = if (ownVault) {
  name: ownVaultName
  location: location
  tags: tags
  properties: {
    sku: { family: 'A', name: 'standard' }
    tenantId: subscription().tenantId
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: true
    softDeleteRetentionInDays: 90
    publicNetworkAccess: 'Enabled'
    networkAcls: { defaultAction: 'Allow', bypass: 'AzureServices' }
  }
}

resource vaultKey 'Microsoft.KeyVault/vaults/keys@2026-02-01' = if (ownVault) {
  parent: tenantVault
  name: '${tenant}--data'
  tags: tags
  properties: { kty: 'RSA', keySize: 3072, keyOps: ['wrapKey', 'unwrapKey'] }
}

resource vaultUser 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in vaultRoles: {
  name: guid(tenantVault.id, principalId, role)
  scope: tenantVault
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}]

// Agents. The project is shared: the app alone decides whose agent is whose.

resource foundry 'Microsoft.CognitiveServices/accounts@2026-05-01' existing = {
  name: foundryName
}

resource project 'Microsoft.CognitiveServices/accounts/projects@2026-05-01' existing = {
  parent: foundry
  name: projectName
}

resource agents 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(project.id, principalId, roles.AzureAIUser.id)
  scope: project
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.AzureAIUser.id)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource users 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(project.id, principalId, userRoleId)
  scope: project
  properties: {
    roleDefinitionId: userRoleId
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

resource models 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(foundry.id, principalId, roles.CognitiveServicesOpenAIUser.id)
  scope: foundry
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.CognitiveServicesOpenAIUser.id)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

// Last, so that Entra has had time to tell of the identity: Cosmos DB looks it up at once, and refuses whom it does not find.

resource data 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2025-10-15' = {
  parent: cosmos
  name: guid(cosmos.id, principalId, collection)
  properties: {
    principalId: principalId
    roleDefinitionId: dataContributor
    scope: '${cosmos.id}/dbs/${cosmosDatabase}/colls/${collection}'
  }
  dependsOn: [
    documents
    ownBlobs
    workloadBlobs
    dropFolder
    delegator
    keyUser
    vaultKey
    vaultUser
    agents
    users
    models
  ]
}

output clientId string = identity.properties.clientId
output principalId string = principalId
output vaultName string = ownVault ? ownVaultName : ''
