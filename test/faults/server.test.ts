import { serverFaults } from './groups/server_faults.ts'
import { describeFaults } from './harness/describe_faults.ts'

describeFaults(serverFaults)
