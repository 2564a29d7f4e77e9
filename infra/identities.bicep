// Whom a tenant acts as: an identity, by which the app works for it; and another one, if it has a workload of its own.

param tenant string
param location string = resourceGroup().location
@description('The OpenID issuer of a workload of the tenant\'s own, which then acts as a second identity. Empty: none, and no second identity.')
param federatedIssuer string = ''
@description('The exact `sub` of that workload.')
param federatedSubject string = ''

var tags = { tenantScope: 'tenant', tenantId: tenant }

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-tenant-${tenant}'
  location: location
  tags: tags
  properties: {}
}

// Whoever works outside the app works past the app, which alone keeps tenants apart in shared stores. So the tenant's own workload
// is somebody else, with rights to what is the tenant's alone.
resource workload 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = if (!empty(federatedIssuer)) {
  // Not a name that a tenant's first identity could have, whatever the tenant is called.
  name: 'id-workload-${tenant}'
  location: location
  tags: tags
  properties: {}
}

resource federated 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2024-11-30' = if (!empty(federatedIssuer)) {
  parent: workload
  name: 'workload'
  properties: {
    issuer: federatedIssuer
    subject: federatedSubject
    audiences: ['api://AzureADTokenExchange']
  }
}

output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
output workloadClientId string = empty(federatedIssuer) ? '' : workload.properties.clientId
output workloadPrincipalId string = empty(federatedIssuer) ? '' : workload.properties.principalId
