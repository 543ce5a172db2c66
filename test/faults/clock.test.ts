import { clockFaults } from './groups/clock_faults.ts'
import { describeFaults } from './harness/describe_faults.ts'

describeFaults(clockFaults)
