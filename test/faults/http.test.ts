import { httpFaults } from './groups/http_faults.ts'
import { describeFaults } from './harness/describe_faults.ts'

describeFaults(httpFaults)
