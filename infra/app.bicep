// The function app: Flex Consumption, the binary as its custom handler, identities instead of keys.

param token string
param location string
param tags object
param identityName string
@description('Tenants whose identities the app may work with.')
param tenantIds array
param storageName string
param maximumInstances int
param alwaysReady int
@description('Outbound addresses of the gateway, in CIDR form. Empty: the region\'s Azure addresses.')
param gatewayAddresses array
param insightsName string
param workspaceId string
param cosmosEndpoint string
param cosmosDatabase string
param searchEndpoint string
param vaultName string
param foundryEndpoint string
param modelEndpoint string
param modelName string
param embeddingModel string
param embeddingDimensions string
param tokenIssuer string
param moreIssuers array
param openIdConfigUrl string
param apiAudience string
param tenantClaim string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource storage 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: storageName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

var tenantIdentities = map(tenantIds, id => resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', 'id-tenant-${id}'))
// The wall is the host's function key, which only the gateway has. These rules make it the second one to be met.
var gatewayRules = [for (address, i) in gatewayAddresses: {
  name: 'gateway-${i}'
  priority: 100 + i
  action: 'Allow'
  ipAddress: address
}]
// A region's service tag has the region's name, but for these.
var regionTags = {
  brazilsoutheast: 'brazilse'
  chilecentral: 'chilec'
  francecentral: 'centralfrance'
  francesouth: 'southfrance'
  germanynorth: 'germanyn'
  germanywestcentral: 'germanywc'
  norwayeast: 'norwaye'
  norwaywest: 'norwayw'
  switzerlandnorth: 'switzerlandn'
  switzerlandwest: 'switzerlandw'
}
var regionRule = [
  { name: 'azure-in-region', priority: 100, action: 'Allow', tag: 'ServiceTag', ipAddress: 'AzureCloud.${regionTags[?location] ?? location}' }
]
var eventRule = [
  { name: 'event-grid', priority: 90, action: 'Allow', tag: 'ServiceTag', ipAddress: 'AzureEventGrid' }
]

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: 'plan-pooled-${token}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-11-01' = {
  name: 'func-pooled-${token}'
  location: location
  tags: union(tags, { 'azd-service-name': 'api' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: toObject(concat([identity.id], tenantIdentities), id => id, id => {})
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identity.id
    clientAffinityEnabled: false
    publicNetworkAccess: 'Enabled'
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ftpsState: 'Disabled'
      http20Enabled: true
      ipSecurityRestrictionsDefaultAction: 'Deny'
      ipSecurityRestrictions: concat(eventRule, empty(gatewayAddresses) ? regionRule : gatewayRules)
      // Deployment has a gate of its own: Entra tokens only, no passwords (below).
      scmIpSecurityRestrictionsUseMain: false
      scmIpSecurityRestrictionsDefaultAction: 'Allow'
    }
    functionAppConfig: {
      runtime: { name: 'custom', version: '1.0' }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}deployments'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identity.id }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        maximumInstanceCount: maximumInstances
        alwaysReady: alwaysReady == 0 ? [] : [{ name: 'http', instanceCount: alwaysReady }]
      }
    }
  }
}

resource ftpPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource scmPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-11-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

// local.settings.json.example says what each one means. Those that are not here keep their defaults.
resource settings 'Microsoft.Web/sites/config@2024-11-01' = {
  parent: app
  name: 'appsettings'
  properties: {
    // The host's storage, by identity. Blob triggers want blobs and queues.
    AzureWebJobsStorage__blobServiceUri: storage.properties.primaryEndpoints.blob
    AzureWebJobsStorage__queueServiceUri: storage.properties.primaryEndpoints.queue
    AzureWebJobsStorage__tableServiceUri: storage.properties.primaryEndpoints.table
    AzureWebJobsStorage__credential: 'managedidentity'
    AzureWebJobsStorage__clientId: identity.properties.clientId
    AzureWebJobsDisableHomepage: 'true'
    APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'

    POOL_BACKEND: 'azure'
    AZURE_CREDENTIAL: 'managed_identity'
    AZURE_CLIENT_ID: identity.properties.clientId
    COSMOS_ENDPOINT: cosmosEndpoint
    COSMOS_DATABASE: cosmosDatabase
    // Without the slash at the end, which the service's own form has.
    STORAGE_ACCOUNT_URL: 'https://${storageName}.blob.${environment().suffixes.storage}'
    STORAGE_QUEUE_URL: 'https://${storageName}.queue.${environment().suffixes.storage}'
    SEARCH_ENDPOINT: searchEndpoint
    SEARCH_INDEX: 'documents'
    KEYVAULT_URL: 'https://${vaultName}${environment().suffixes.keyvaultDns}'
    FOUNDRY_ENDPOINT: foundryEndpoint
    MODEL_ENDPOINT: modelEndpoint
    MODEL_NAME: modelName
    MODELS: modelName
    EMBEDDING_MODEL: embeddingModel
    EMBEDDING_DIMENSIONS: embeddingDimensions
    SEAL_KEYS: '@Microsoft.KeyVault(VaultName=${vaultName};SecretName=seal-keys)'
    NAMING_KEY: '@Microsoft.KeyVault(VaultName=${vaultName};SecretName=naming-key)'
    JWT_ISSUER: tokenIssuer
    JWT_ISSUERS: string(moreIssuers)
    JWT_AUDIENCE: apiAudience
    JWT_DISCOVERY_URL: openIdConfigUrl
    JWT_TENANT_CLAIM: tenantClaim
  }
}

resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'host'
  scope: app
  properties: {
    workspaceId: workspaceId
    logs: [{ category: 'FunctionAppLogs', enabled: true }]
  }
}

output name string = app.name
