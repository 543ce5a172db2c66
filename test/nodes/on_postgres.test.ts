import { describeNodes } from './behind_haproxy.ts'

describeNodes('PostgreSQL')
