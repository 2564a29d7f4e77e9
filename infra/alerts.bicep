// What wakes somebody, and a page to look at. The queries are queries/*.kql.

param location string
param tags object
param insightsName string
param email string

// `each`: a row is an alert. docs/OPERATIONS.md says what to do on each.
var rules = [
  { name: 'security-event', severity: 1, minutes: 5, query: loadTextContent('queries/security-event.kql') }
  { name: 'errors', severity: 2, minutes: 15, query: loadTextContent('queries/errors.kql') }
  { name: 'latency', severity: 3, minutes: 15, query: loadTextContent('queries/latency.kql') }
  { name: 'poison', severity: 2, minutes: 15, query: loadTextContent('queries/poison.kql') }
  { name: 'throttling', severity: 3, minutes: 15, query: loadTextContent('queries/throttling.kql') }
]

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: 'people'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'pool'
    enabled: true
    emailReceivers: [{ name: 'operators', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in rules: {
  name: 'alert-${rule.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: rule.name
    description: 'docs/OPERATIONS.md says what to do.'
    enabled: true
    severity: rule.severity
    scopes: [insights.id]
    evaluationFrequency: 'PT${rule.minutes}M'
    windowSize: 'PT${rule.minutes}M'
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    autoMitigate: true
    actions: { actionGroups: empty(email) ? [] : [people.id] }
  }
}]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    category: 'workbook'
    displayName: 'Pooled agents: tenants'
    sourceId: insights.id
    version: 'Notebook/1.0'
    serializedData: string(loadJsonContent('workbook.json'))
  }
}
