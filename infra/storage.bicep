// The account of the app and of its tenants: a container a tenant, the drop folders, the queues. No keys.

param name string
param sku string
param location string
param tags object
param appPrincipalId string
param workspaceId string

var roles = loadJsonContent('roles.json')
// What the Functions host and the pool need: leases, keys and packages; queues; the host's diagnostic table.
var appRoles = [
  roles.StorageBlobDataOwner.id
  roles.StorageQueueDataContributor.id
  roles.StorageTableDataContributor.id
]
// The last is the host's own, for files of the drop folders.
var queueNames = ['ingest', 'ingest-poison', 'runs', 'runs-poison', 'blob-events', 'blob-events-poison', 'webjobs-blobtrigger-poison']
var blobActions = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs'

resource account 'Microsoft.Storage/storageAccounts@2025-08-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    accessTier: 'Hot'
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
    encryption: {
      keySource: 'Microsoft.Storage'
      requireInfrastructureEncryption: true
      services: { blob: { enabled: true }, queue: { enabled: true, keyType: 'Account' }, table: { enabled: true, keyType: 'Account' } }
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-08-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: 7 }
    containerDeleteRetentionPolicy: { enabled: true, days: 7 }
  }
}

// deployments: packages of the app. uploads: a drop folder a tenant. dead-events: events that could not be delivered.
resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-08-01' = [for container in ['deployments', 'uploads', 'dead-events']: {
  parent: blobs
  name: container
  properties: { publicAccess: 'None', metadata: { tenantScope: 'shared' } }
}]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-08-01' = {
  parent: account
  name: 'default'
  properties: {}
}

// The host makes a poison queue when it first needs it; alerts want it there from the start.
resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-08-01' = [for queue in queueNames: {
  parent: queueService
  name: queue
  properties: {}
}]

resource appAssignments 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for role in appRoles: {
  name: guid(account.id, appPrincipalId, role)
  scope: account
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
  }
}]

// What a tenant's identity may do with blobs. The built-in contributor role may also delete containers, which no
// condition can guard: with it, any tenant could delete the container that holds everybody's drop folders.
// Who deploys must be allowed to define a role: Owner or User Access Administrator, not Role Based Access Control Administrator.
resource tenantRole 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'tenant-blobs')
  properties: {
    roleName: 'Pool tenant blobs (${name})'
    description: 'Read, list, write and delete blobs; nothing else of a container.'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: []
        notActions: []
        dataActions: [
          '${blobActions}/read'
          '${blobActions}/write'
          '${blobActions}/add/action'
          '${blobActions}/delete'
          // A put that brings tags asks for it too.
          '${blobActions}/tags/write'
        ]
        notDataActions: []
      }
    ]
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'audit'
  scope: blobs
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'StorageWrite', enabled: true }, { category: 'StorageDelete', enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

output name string = account.name
output tenantRoleId string = tenantRole.id
