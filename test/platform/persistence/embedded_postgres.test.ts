import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import {
  appendFile,
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { DomainError } from '../../../src/core/errors.ts'
import { type Machine, thisMachine } from '../../../src/platform/persistence/postgres_binaries.ts'
import { skip } from '../../support/skip.ts'
import {
  ask,
  askEventually,
  asRoot,
  cleanUp,
  eventually,
  isRunning,
  Lent,
  type Logged,
  makePlace,
  Neighbour,
  NOBODY,
  open,
  pidOf,
} from './embedded_postgres_support.ts'

const machine = thisMachine()
const NEEDS_ROOT = 'changes its user, which takes root'

let lent: Lent
let place: string
let dataDir: string

const borrow = () => lent.lend(dataDir)

async function refusal(promise: Promise<unknown>): Promise<DomainError> {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  )
  expect(error).to.be.instanceOf(DomainError)
  expect(error.code).to.equal('unavailable')
  expect(error.hint).to.be.a('string')
  return error
}

describe('the embedded PostgreSQL', function () {
  this.timeout(120_000)
  this.slow(1_000)

  before(async function () {
    if (process.platform !== 'linux') skip(this, 'it looks into /proc')
    lent = new Lent()
    await lent.make()
  })

  beforeEach(async () => {
    place = makePlace()
    dataDir = join(place, 'data', 'postgres')
    await mkdir(join(place, 'data'))
  })

  afterEach(() => cleanUp(lent))

  describe('a new database', () => {
    it('is made private, durable, in UTF-8, and owned by a role that is no superuser', async () => {
      dataDir = join(place, 'two, "words"', 'postgres')
      await mkdir(join(place, 'two, "words"'))
      await borrow()
      const logged: Logged[] = []
      const database = await open({ dataDir, database: 'house' }, { logged })

      expect(database.origin).to.equal('started')
      expect(database.dataDir).to.equal(dataDir)
      expect(database.connection).to.deep.equal({
        ...{ host: dataDir, port: 5432, user: 'authcore', database: 'house' },
      })
      expect(database.serverVersion).to.match(/^\d+\.\d+$/)
      const settings = `SELECT name, setting FROM pg_settings WHERE name IN
        ('listen_addresses', 'fsync', 'server_encoding', 'unix_socket_permissions') ORDER BY name`
      expect(await ask(database, settings)).to.deep.equal([
        ['fsync', 'on'],
        ['listen_addresses', ''],
        ['server_encoding', 'UTF8'],
        ['unix_socket_permissions', '0700'],
      ])
      expect(await ask(database, "SELECT lower('ÀÉ')")).to.deep.equal([['àé']])
      const role = 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user'
      expect(await ask(database, role)).to.deep.equal([[false]])
      await ask(database, 'CREATE TABLE fact (id int)')
      expect((await stat(dataDir)).mode & 0o777).to.equal(0o700)
      expect((await stat(`${dataDir}.log`)).mode & 0o777).to.equal(0o600)
      expect((await stat(`${dataDir}.lock`)).mode & 0o777).to.equal(0o600)
      expect(logged.map(({ message }) => message)).to.deep.equal(['embedded PostgreSQL started'])
    })

    it('is still there at the next start', async () => {
      await borrow()
      const first = await open({ dataDir })
      await ask(first, "CREATE TABLE stop_fact AS SELECT 'kept' AS word")
      const pid = pidOf(dataDir)
      await Promise.all([first.stop(), first.stop()])
      expect(isRunning(pid)).to.equal(false)
      expect(existsSync(join(dataDir, 'postmaster.pid'))).to.equal(false)

      const second = await open({ dataDir })
      expect(second.origin).to.equal('started')
      expect(await ask(second, 'SELECT word FROM stop_fact')).to.deep.equal([['kept']])
    })

    it('leaves nothing half-made where its maker is killed', async () => {
      const maker = new Neighbour({ options: { dataDir }, afterwards: 'stop_when_told' })
      await eventually(async () => {
        const names = await readdir(join(place, 'data'))
        return names.some((name) => name.startsWith('.postgres.new-'))
      })
      maker.child.kill('SIGKILL')
      await maker.ended()
      expect(existsSync(dataDir)).to.equal(false)

      const database = await open({ dataDir })
      expect(database.origin).to.equal('started')
      expect((await readdir(join(place, 'data'))).sort()).to.deep.equal([
        ...['postgres', 'postgres.lock', 'postgres.log'],
      ])
    })

    it('is made once where two processes begin at the same time', async () => {
      const orders = { options: { dataDir }, afterwards: 'stop_when_told' } as const
      const both = [new Neighbour(orders), new Neighbour(orders)]
      const reports = await Promise.all(both.map((one) => one.ready()))
      expect(reports.map(({ origin }) => origin).sort()).to.deep.equal(['adopted', 'started'])
      await Promise.all(both.map((one) => one.tellToStop()))
    })
  })

  describe('a server that runs already', () => {
    it('is adopted, and left running by who adopted it', async () => {
      await borrow()
      const starter = await open({ dataDir })
      const pid = pidOf(dataDir)
      const guest = await open({ dataDir, database: 'another' })
      expect(guest.origin).to.equal('adopted')
      expect(guest.connection).to.deep.equal({ ...starter.connection, database: 'another' })
      expect(await ask(guest, 'SELECT current_database()')).to.deep.equal([['another']])
      await guest.stop()
      expect(isRunning(pid)).to.equal(true)
      expect(pidOf(dataDir)).to.equal(pid)
    })

    it('outlives a starter killed with -9, is adopted, and ends where stopAdopted is set', async () => {
      await borrow()
      const starter = new Neighbour({ options: { dataDir }, afterwards: 'stop_when_told' })
      await ask(await starter.ready(), "CREATE TABLE orphan_fact AS SELECT 'kept' AS word")
      const pid = pidOf(dataDir)
      starter.child.kill('SIGKILL')
      await starter.ended()
      expect(isRunning(pid)).to.equal(true)

      const next = await open({ dataDir, stopAdopted: true })
      expect(next.origin).to.equal('adopted')
      expect(await ask(next, 'SELECT word FROM orphan_fact')).to.deep.equal([['kept']])
      await next.stop()
      // It is no child of ours, and on its way out it says no more whose it is.
      await eventually(() => !isRunning(pid))
    })

    it('does not hear the Ctrl-C of its starter’s terminal', async () => {
      await borrow()
      const starter = new Neighbour({ options: { dataDir }, afterwards: 'stop_when_told' })
      const ready = await starter.ready()
      process.kill(-starter.child.pid!, 'SIGINT')
      await eventually(() =>
        starter.reports.some((r) => r.kind === 'log' && r.message === 'interrupted'),
      )
      expect(await ask(ready, 'SELECT 1')).to.deep.equal([[1]])
      const pid = pidOf(dataDir)
      await starter.tellToStop()
      expect(isRunning(pid)).to.equal(false)
    })

    it('does not keep its starter’s process alive', async () => {
      await borrow()
      const starter = new Neighbour({ options: { dataDir }, afterwards: 'let_go' })
      const ready = await starter.ready()
      await starter.ended()
      expect(starter.child.exitCode).to.equal(0)
      expect(await ask(ready, 'SELECT 1')).to.deep.equal([[1]])
    })

    it('is adopted by a root that may not look into other users’ processes', async function () {
      const caps = '-all,+chown,+dac_override,+fowner,+setuid,+setgid,+kill'
      const wrapper = ['setpriv', `--bounding-set=${caps}`, '--inh-caps=-all']
      if (!asRoot || !canRun([...wrapper, 'true'])) skip(this, 'cannot drop capabilities here')
      await borrow()
      await open({ dataDir })
      const guest = new Neighbour({ options: { dataDir }, afterwards: 'stop' }, { wrapper })
      expect((await guest.ready()).origin).to.equal('adopted')
    })

    it('is refused where it belongs to a container whose processes are hidden', async function () {
      const wrapper = ['unshare', '--pid', '--ipc', '--mount-proc', '--fork']
      if (!asRoot || !canRun([...wrapper, 'true'])) skip(this, 'cannot make a pid namespace here')
      await borrow()
      await open({ dataDir })
      const hidden = new Neighbour({ options: { dataDir }, afterwards: 'stop' }, { wrapper })
      const { message, hint } = await hidden.failed()
      expect(message).to.match(/cannot be seen/)
      expect(hint).to.match(/One directory serves one server/)
    })
  })

  describe('a pid file that lies', () => {
    const impostors: ChildProcess[] = []
    afterEach(() => {
      for (const impostor of impostors.splice(0)) impostor.kill('SIGKILL')
    })

    it('does not pass off a process with a reused pid as the server', async () => {
      await borrow()
      const owner = await stat(dataDir)
      const user = asRoot ? { uid: owner.uid, gid: owner.gid } : {}
      // PostgreSQL itself would believe this one: alive, and its own user's.
      const impostor = spawn('sleep', ['60'], { cwd: asRoot ? dataDir : '/', ...user })
      impostors.push(impostor)
      const lines = [impostor.pid, dataDir, 1_700_000_000, 5432, dataDir, '', '  1 1', 'ready   ']
      await writeFile(join(dataDir, 'postmaster.pid'), `${lines.join('\n')}\n`)
      await writeFile(join(dataDir, '.s.PGSQL.5432.lock'), `${lines.slice(0, 5).join('\n')}\n`)

      const database = await open({ dataDir })
      expect(database.origin).to.equal('started')
      expect(await ask(database, 'SELECT 1')).to.deep.equal([[1]])
      expect(impostor.exitCode).to.equal(null)
    })
  })

  describe('a server that is lost', () => {
    it('loses no committed row when it is killed with -9, and is started again', async () => {
      await borrow()
      const logged: Logged[] = []
      const database = await open({ dataDir }, { logged })
      await ask(database, 'CREATE TABLE counted (id int PRIMARY KEY)')
      for (let id = 1; id <= 50; id++) await ask(database, 'INSERT INTO counted VALUES ($1)', [id])
      const pid = pidOf(dataDir)
      process.kill(pid, 'SIGKILL')

      expect(await askEventually(database, 'SELECT count(*)::int FROM counted')).to.deep.equal([
        [50],
      ])
      expect(database.origin).to.equal('started')
      expect(pidOf(dataDir)).not.to.equal(pid)
      expect(logged.map(({ message }) => message)).to.include(
        'embedded PostgreSQL is gone, starting it again',
      )
      expect(await readFile(`${dataDir}.log`, 'utf8')).to.include('automatic recovery in progress')

      const second = pidOf(dataDir)
      process.kill(second, 'SIGKILL')
      expect(await askEventually(database, 'SELECT count(*)::int FROM counted')).to.deep.equal([
        [50],
      ])
      await database.stop()
      expect(existsSync(join(dataDir, 'postmaster.pid'))).to.equal(false)
    })

    it('is replaced by who had adopted it, when its starter stops it', async () => {
      await borrow()
      const starter = new Neighbour({ options: { dataDir }, afterwards: 'stop_when_told' })
      await starter.ready()
      const guest = await open({ dataDir })
      expect(guest.origin).to.equal('adopted')
      await starter.tellToStop()
      await eventually(() => guest.origin === 'started')
      expect(await ask(guest, 'SELECT 1')).to.deep.equal([[1]])
      const pid = pidOf(dataDir)
      await guest.stop()
      expect(isRunning(pid)).to.equal(false)
    })

    it('is replaced once where two processes miss it', async () => {
      await borrow()
      const starter = new Neighbour({ options: { dataDir }, afterwards: 'stop_when_told' })
      await starter.ready()
      const guest = await open({ dataDir })
      const pid = pidOf(dataDir)
      process.kill(pid, 'SIGKILL')
      await eventually(() => !isRunning(pid))
      await askEventually(guest, 'SELECT 1')
      await sleep(700)
      expect(guest.origin).to.equal('adopted')
      expect(await ask(guest, 'SELECT 1')).to.deep.equal([[1]])
      await starter.tellToStop()
    })

    it('is not replaced by an empty one where its directory has vanished', async () => {
      await borrow()
      const logged: Logged[] = []
      const database = await open({ dataDir }, { logged })
      const pid = pidOf(dataDir)
      await rename(dataDir, join(place, 'away'))
      process.kill(pid, 'SIGKILL')
      const failed = await eventually(() => logged.find(({ fields }) => fields?.['error']))
      expect(failed.fields?.['error']).to.match(/is gone/)
      expect(existsSync(dataDir)).to.equal(false)

      await rename(join(place, 'away'), dataDir)
      expect(await askEventually(database, 'SELECT 1')).to.deep.equal([[1]])
    })

    it('stays stopped after stop, even in the middle of a replacement', async () => {
      await borrow()
      const database = await open({ dataDir })
      process.kill(pidOf(dataDir), 'SIGKILL')
      await sleep(20)
      await database.stop()
      await sleep(300)
      const left = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '0')
      expect(isRunning(Number.parseInt(left, 10))).to.equal(false)
    })
  })

  describe('the directory', () => {
    it('may have a path too long for a socket, which then lies in a private directory', async () => {
      dataDir = join(place, 'x'.repeat(120))
      await borrow()
      const database = await open({ dataDir })
      const { host } = database.connection
      expect(host).to.match(/^\/tmp\/authcore-\d+-[0-9a-f]{16}$/)
      const owner = await stat(dataDir)
      const found = await lstat(host)
      expect(found.mode & 0o777).to.equal(0o700)
      expect(found.uid).to.equal(owner.uid)
      expect(await ask(database, 'SELECT 1')).to.deep.equal([[1]])
      await database.stop()

      // Anybody can make a directory in /tmp before us.
      await rm(host, { recursive: true })
      await mkdir(host, { mode: 0o777 })
      await chmod(host, 0o777)
      expect((await refusal(open({ dataDir }))).message).to.match(/made by somebody else/)
      await chown(host, owner.uid, owner.gid)
      expect((await refusal(open({ dataDir }))).message).to.match(/made by somebody else/)
      await rm(host, { recursive: true })
      await symlink(place, host)
      expect((await refusal(open({ dataDir }))).message).to.match(/made by somebody else/)
      await rm(host)
    })

    it('is refused untouched where another major version wrote it', async () => {
      await mkdir(dataDir)
      await writeFile(join(dataDir, 'PG_VERSION'), '13\n')
      const { message, hint } = await refusal(open({ dataDir }))
      expect(message).to.match(/written by PostgreSQL 13/)
      expect(hint).to.match(/pg_dump/)
      expect(await readdir(dataDir)).to.deep.equal(['PG_VERSION'])
    })

    it('is opened by the version that wrote it, where that is on the machine', async function () {
      const other = { ...machine, packageDir: undefined }
      if (!machine.packageDir) skip(this, 'needs the optional package')
      if (!canRun(['sh', '-c', 'ls /usr/lib/postgresql/*/bin/initdb'])) {
        skip(this, 'needs a second PostgreSQL in /usr/lib/postgresql')
      }
      const old = await open({ dataDir }, { machine: other })
      await ask(old, "CREATE TABLE fact AS SELECT 'kept' AS word")
      await old.stop()
      const again = await open({ dataDir })
      expect(again.serverVersion).to.equal(old.serverVersion)
      expect(await ask(again, 'SELECT word FROM fact')).to.deep.equal([['kept']])
    })

    it('is refused untouched where it holds something else', async () => {
      await mkdir(dataDir)
      await writeFile(join(dataDir, 'holiday.jpg'), '')
      const { message, hint } = await refusal(open({ dataDir }))
      expect(message).to.match(/not empty/)
      expect(hint).to.match(/another data directory/)
      expect(await readdir(dataDir)).to.deep.equal(['holiday.jpg'])
    })

    it('is refused where a file is in its place', async () => {
      await writeFile(dataDir, '')
      expect((await refusal(open({ dataDir }))).hint).to.match(/not a directory/)
    })

    it('must be named absolutely', async () => {
      const error = await open({ dataDir: 'data/postgres' }).catch((reason) => reason)
      expect(error).to.be.instanceOf(DomainError)
      expect(error.message).to.match(/absolute/)
    })

    it('may be a symlink to another disk', async () => {
      await borrow()
      const link = join(place, 'link')
      await symlink(dataDir, link)
      const database = await open({ dataDir: link })
      expect(database.dataDir).to.equal(dataDir)
      expect((await open({ dataDir })).origin).to.equal('adopted')
    })

    it('is closed to others before the server sees it, as PostgreSQL demands', async () => {
      await borrow()
      await chmod(dataDir, 0o755)
      await open({ dataDir })
      expect((await stat(dataDir)).mode & 0o777).to.equal(0o700)
    })
  })

  describe('started by root', () => {
    before(function () {
      if (!asRoot) skip(this, NEEDS_ROOT)
    })

    it('runs as an unprivileged user, who is given the directory', async () => {
      await borrow()
      execFileSync('chown', ['-R', '0:0', dataDir])
      const database = await open({ dataDir })
      const status = await readFile(`/proc/${pidOf(dataDir)}/status`, 'utf8')
      expect(status).to.match(/^Uid:\t([1-9]\d*)\t\1\t\1\t\1$/m)
      expect(status).to.match(/^Groups:\s*$/m)
      expect(await ask(database, 'SELECT 1')).to.deep.equal([[1]])
      const environment = await readFile(`/proc/${pidOf(dataDir)}/environ`, 'utf8')
      expect(environment).not.to.include('HOME=')
    })

    it('leaves a directory to the user it belongs to', async () => {
      await borrow()
      execFileSync('chown', ['-R', `${NOBODY.uid}:${NOBODY.gid}`, dataDir])
      await open({ dataDir })
      const status = await readFile(`/proc/${pidOf(dataDir)}/status`, 'utf8')
      expect(status).to.match(new RegExp(`^Uid:\t${NOBODY.uid}\t`, 'm'))
    })

    it('keeps the data and the programs elsewhere where a private home shuts the user out', async function () {
      if (!machine.packageDir) skip(this, 'needs the optional package')
      const home = join(place, 'home')
      const packageDir = join(home, 'node_modules', 'linux')
      const systemDir = join(place, 'var')
      await mkdir(join(home, 'node_modules'), { recursive: true })
      copyPackage(machine.packageDir, packageDir)
      await chmod(home, 0o700)
      const here = { packageDir, systemDir, binDirs: [] }
      dataDir = join(home, 'data', 'postgres')

      const logged: Logged[] = []
      const first = await open({ dataDir }, { machine: here, logged })
      expect(first.dataDir).to.match(/\/var\/[0-9a-f]{16}\/postgres$/)
      expect(logged[0]?.message).to.include(first.dataDir).and.to.include(home)
      await ask(first, "CREATE TABLE fact AS SELECT 'kept' AS word")
      expect(await readdir(systemDir)).to.have.length(2)
      await first.stop()

      // It is found again even when the home is private no longer.
      await chmod(home, 0o755)
      const second = await open({ dataDir }, { machine: here })
      expect(second.dataDir).to.equal(first.dataDir)
      expect(await ask(second, 'SELECT word FROM fact')).to.deep.equal([['kept']])
    })

    it('does not begin anew where an existing database has got out of reach', async () => {
      const home = join(place, 'home')
      dataDir = join(home, 'postgres')
      await mkdir(home)
      await borrow()
      await chmod(home, 0o700)
      const { message, hint } = await refusal(open({ dataDir }))
      expect(message).to.include(`may not pass through ${home}`)
      expect(hint).to.include(`chmod o+x ${home}`)
    })

    it('says what to do where it is a mount point', async function () {
      await mkdir(dataDir)
      if (!canRun(['mount', '-t', 'tmpfs', 'tmpfs', dataDir])) skip(this, 'cannot mount here')
      try {
        const { hint } = await refusal(open({ dataDir }))
        expect(hint).to.match(/is a mount point: mount the directory above it/)
      } finally {
        execFileSync('umount', [dataDir])
      }
    })

    it('says what to do where a full disk stops it', async function () {
      const disk = join(place, 'data')
      if (!canRun(['mount', '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', disk])) {
        skip(this, 'cannot mount a small disk here')
      }
      try {
        const { message, hint } = await refusal(open({ dataDir }))
        expect(message).to.match(/No space left on device/)
        expect(hint).to.match(/Free about 100 MB/)
        expect((await readdir(disk)).filter((name) => name !== 'postgres.lock')).to.deep.equal([])
      } finally {
        execFileSync('umount', [disk])
      }
    })
  })

  describe('started by an ordinary user', () => {
    before(function () {
      if (!asRoot) skip(this, NEEDS_ROOT)
      if (!canRun(['setpriv', '--reuid=65534', '--clear-groups', process.execPath, '--version'])) {
        skip(this, 'other users cannot reach this Node.js')
      }
    })

    it('runs as that user', async () => {
      execFileSync('chown', ['-R', `${NOBODY.uid}:${NOBODY.gid}`, place])
      const theirs = new Neighbour({ options: { dataDir }, afterwards: 'stop_when_told' }, NOBODY)
      await theirs.ready()
      expect((await stat(dataDir)).uid).to.equal(NOBODY.uid)
      // Root, who comes by with a command, adopts it.
      const guest = await open({ dataDir })
      expect(guest.origin).to.equal('adopted')
      await guest.stop()
      await theirs.tellToStop()
    })

    it('says what is missing where the user has no name', async () => {
      execFileSync('chown', ['-R', '54321:54321', place])
      const theirs = new Neighbour(
        { options: { dataDir }, afterwards: 'stop' },
        { uid: 54_321, gid: 54_321 },
      )
      const { message, hint } = await theirs.failed()
      expect(message).to.match(/could not look up effective user ID 54321/)
      expect(hint).to.match(/54321 has no entry in \/etc\/passwd.*DATABASE_URL/)
      expect(existsSync(dataDir)).to.equal(false)
    })

    it('says whose the directory is where it is not theirs', async () => {
      await borrow()
      const theirs = new Neighbour({ options: { dataDir }, afterwards: 'stop' }, NOBODY)
      const { message, hint } = await theirs.failed()
      expect(message).to.match(/belongs to the user with id \d+/)
      expect(hint).to.match(/chown -R 65534/)
    })

    it('says what to do where nothing can be written', async () => {
      await chmod(join(place, 'data'), 0o755)
      const theirs = new Neighbour({ options: { dataDir }, afterwards: 'stop' }, NOBODY)
      const { hint } = await theirs.failed()
      expect(hint).to.match(/writ|Let user id/)
    })
  })

  describe('the programs', () => {
    it('get back the library links that --ignore-scripts leaves out', async function () {
      if (!machine.packageDir) skip(this, 'needs the optional package')
      const packageDir = join(place, 'package')
      copyPackage(machine.packageDir, packageDir)
      execFileSync('find', [packageDir, '-type', 'l', '-delete'])
      await borrow()
      const database = await open({ dataDir }, { machine: { packageDir, binDirs: [] } })
      expect(await ask(database, 'SELECT 1')).to.deep.equal([[1]])
    })

    it('are those of the machine where the package is not installed', async function () {
      const programs = join(place, 'bin')
      if (!machine.packageDir) skip(this, 'needs the optional package')
      await mkdir(programs)
      for (const name of ['postgres', 'initdb']) {
        const program = join(machine.packageDir, 'native', 'bin', name)
        await writeFile(join(programs, name), `#!/bin/sh\nexec ${program} "$@"\n`, { mode: 0o755 })
      }
      await borrow()
      const bare: Partial<Machine> = { packageDir: undefined, binDirs: [] }
      const database = await open(
        { dataDir, searchPath: `/nowhere:${programs}` },
        { machine: bare },
      )
      expect(await ask(database, 'SELECT 1')).to.deep.equal([[1]])
    })

    it('are missed with advice where there are none that run here', async () => {
      const programs = join(place, 'bin')
      await mkdir(programs)
      const made = { mode: 0o755 }
      await writeFile(join(programs, 'postgres'), '#!/lib/ld-musl-none.so.1\n', made)
      const { message, hint } = await refusal(
        open({ dataDir }, { machine: { packageDir: undefined, binDirs: [programs] } }),
      )
      expect(message).to.match(/No PostgreSQL server was found that runs on this machine/)
      expect(hint)
        .to.match(/Set DATABASE_URL/)
        .and.to.match(/musl/)
      expect(existsSync(dataDir)).to.equal(false)
    })

    it('are not looked for on Windows', async () => {
      const { hint } = await refusal(open({ dataDir }, { machine: { platform: 'win32' } }))
      expect(hint).to.match(/Set DATABASE_URL/)
    })
  })

  describe('its log and settings', () => {
    it('report the last words of a server that does not start', async () => {
      await borrow()
      const { message, hint, debug } = await refusal(
        open({ dataDir, settings: { shared_buffers: 'plenty' } }),
      )
      expect(message).to.match(/did not start: FATAL.*"shared_buffers"/)
      expect(hint).to.include(`${dataDir}.log`)
      expect(debug).to.include('plenty')
    })

    it('let the caller tune the server, but not open it or endanger its data', async () => {
      await borrow()
      const settings = { work_mem: '5MB', fsync: 'off', listen_addresses: '127.0.0.1' }
      const database = await open({ dataDir, settings })
      expect(await ask(database, 'SHOW work_mem')).to.deep.equal([['5MB']])
      expect(await ask(database, 'SHOW fsync')).to.deep.equal([['on']])
      expect(await ask(database, 'SHOW listen_addresses')).to.deep.equal([['']])
    })

    it('keep values out of the log, and the log small', async () => {
      await borrow()
      await writeFile(`${dataDir}.log`, '', { mode: 0o600 })
      await appendFile(`${dataDir}.log`, Buffer.alloc(5 * 1024 * 1024 + 1, 'x'))
      const database = await open({ dataDir })
      await ask(database, 'CREATE TABLE person (mail text PRIMARY KEY)')
      const insert = "INSERT INTO person VALUES ('ada@example.com')"
      await ask(database, insert)
      await ask(database, insert).catch(() => {})
      const log = await readFile(`${dataDir}.log`, 'utf8')
      expect(log).to.match(/violates unique constraint/)
      expect(log).not.to.include('ada@example.com')
      expect(log.length).to.be.lessThan(100_000)
      expect((await stat(`${dataDir}.log.1`)).size).to.equal(5 * 1024 * 1024 + 1)
    })
  })
})

/** By hard links where it is the same disk: the package is 60 MB. */
function copyPackage(from: string, to: string): void {
  if (!canRun(['cp', '-al', from, to])) execFileSync('cp', ['-aT', from, to])
}

function canRun([command = '', ...args]: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
