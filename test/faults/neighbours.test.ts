import { neighbourFaults } from './groups/neighbour_faults.ts'
import { describeFaults } from './harness/describe_faults.ts'

describeFaults(neighbourFaults)
