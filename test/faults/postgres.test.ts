import { postgresFaults } from './groups/postgres_faults.ts'
import { describeFaults } from './harness/describe_faults.ts'

describeFaults(postgresFaults)
