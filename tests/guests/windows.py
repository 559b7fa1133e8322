#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""windows.py DIR KEY=VALUE...: the tree of a Windows system, laid out as Microsoft documents it

Writes DIR/tree (the files) and DIR/*.reg (what hivexregedit merges into empty hives: SYSTEM,
SOFTWARE, DRIVERS, BCD).  There is no Windows in it: programs are headers with a version, and
the hives hold the keys that imgport reads.  windows.sh makes the disk.

    version   2008, 2008-R2, 2012, 2012-R2, 2016, 2019, 2022, or 7, 10
    edition   Standard, Datacenter, Enterprise ...; Core and Eval may follow
    arch      x86_64 (default), i386
    drivers   the drivers there are: viostor vioscsi netkvm (default all, by commas; none)
    without   what is left out of the good system, by commas; the code names the words
    with      what is added to it, by commas
"""
import os
import struct
import sys

VERSIONS = {
    # product, kernel, build, revision, release, pack, generation of the driver database
    '2008': ('Windows Server\u00ae 2008 {}', '6.0', '6003', 0, '', 'Service Pack 2', 'critical'),
    '2008-R2': ('Windows Server 2008 R2 {}', '6.1', '7601', 0, '', 'Service Pack 1', 'critical'),
    '7': ('Windows 7 {}', '6.1', '7601', 0, '', 'Service Pack 1', 'critical'),
    '2012': ('Windows Server 2012 {}', '6.2', '9200', 0, '', '', 'system'),
    '2012-R2': ('Windows Server 2012 R2 {}', '6.3', '9600', 19000, '', '', 'system'),
    '2016': ('Windows Server 2016 {}', '6.3', '14393', 5582, '1607', '', 'drivers'),
    '2019': ('Windows Server 2019 {}', '6.3', '17763', 3770, '1809', '', 'drivers'),
    '10': ('Windows 10 {}', '6.3', '19045', 2364, '22H2', '', 'drivers'),
    '2022': ('Windows Server 2022 {}', '6.3', '20348', 1487, '21H2', '', 'drivers'),
}
IDS = {'viostor': '1001', 'vioscsi': '1004', 'netkvm': '1000'}
MACHINES = {'x86_64': (0x8664, 'AMD64'), 'i386': (0x14c, 'x86')}
BOOTMGR = '{9dea862c-5cdd-4e70-acc1-f32b344d4795}'
ENTRY = '{c93c8f1e-7a5d-11ee-9d2a-525400123456}'
DISK_CLASS = '{4d36e967-e325-11ce-bfc1-08002be10318}'
AGENT = r'C:\Program Files\Cloudbase Solutions\Cloudbase-Init\bin\OpenStackService.exe'


class Reg:
    """A registry file.  hivexregedit wants a key after those above it."""

    def __init__(self):
        self.keys = {}

    def put(self, path, **values):
        parts = path.split('\\')
        for n in range(1, len(parts)):
            self.keys.setdefault('\\'.join(parts[:n]), {})
        self.keys.setdefault(path, {}).update(values)

    def write(self, name):
        with open(name, 'w', encoding='utf-8') as f:
            f.write('Windows Registry Editor Version 5.00\n')
            for path, values in self.keys.items():
                f.write(f'\n[\\{path}]\n')
                for key, value in values.items():
                    f.write('@' if key == 'default' else f'"{key}"')
                    f.write(f'={encode(value)}\n')


def hexes(raw):
    return ','.join(f'{b:02x}' for b in raw)


def encode(value):
    if isinstance(value, int):
        return f'dword:{value:08x}'
    if isinstance(value, bytes):
        return f'hex:{hexes(value)}'
    if isinstance(value, list):
        raw = ''.join(v + '\0' for v in value) + '\0'
        return f'hex(7):{hexes(raw.encode("utf-16le"))}'
    return f'hex(1):{hexes((value + chr(0)).encode("utf-16le"))}'


def program(machine, version):
    """A PE file with headers, one section, and a version resource in it."""
    wide = machine != 0x14c
    optional = 240 if wide else 224
    section, address = 0x200, 0x1000
    fixed = struct.pack('<IIIIII', 0xfeef04bd, 0x10000, version[0] << 16 | version[1],
                        version[2] << 16 | version[3], 0, 0) + bytes(28)
    info = struct.pack('<HHH', 92, 52, 0) + 'VS_VERSION_INFO\0'.encode('utf-16le')
    info = info.ljust(40, b'\0') + fixed
    tree = b''
    for level, ident in enumerate((16, 1, 0x409)):
        down = (level + 1) * 24 | (0x80000000 if level < 2 else 0)
        tree += struct.pack('<IIHHHHII', 0, 0, 0, 0, 0, 1, ident, down)
    tree += struct.pack('<IIII', address + 0x100, len(info), 0, 0)
    data = tree.ljust(0x100, b'\0') + info
    header = b'MZ'.ljust(60, b'\0') + struct.pack('<I', 64)
    header += b'PE\0\0' + struct.pack('<HHIIIHH', machine, 1, 0, 0, 0, optional, 0x22)
    directories = bytearray(16 * 8)
    struct.pack_into('<II', directories, 2 * 8, address, len(data))
    head = struct.pack('<H', 0x20b if wide else 0x10b).ljust(optional - 128 - 4, b'\0')
    header += head + struct.pack('<I', 16) + directories
    header += struct.pack('<8sIIII12xI', b'.rsrc', len(data), address, 0x400, section, 0x40000040)
    return header.ljust(section, b'\0') + data.ljust(0x400, b'\0')


def words(options, key):
    return [w for w in options.get(key, '').split(',') if w]


class Windows:
    def __init__(self, folder, options):
        self.folder = folder
        self.version = options['version']
        (product, self.kernel, self.build, self.revision, self.release, self.pack,
         self.database) = VERSIONS[self.version]
        self.edition = options.get('edition', 'Standard')
        plain = self.edition
        for suffix in ('Core', 'Eval'):
            plain = plain.removesuffix(suffix)
        self.server = self.version not in ('7', '10')
        self.product = product.format(plain)
        self.arch = options.get('arch', 'x86_64')
        self.machine, self.env = MACHINES[self.arch]
        self.drivers = words(options, 'drivers') or list(IDS)
        if self.drivers == ['none']:
            self.drivers = []
        self.without = words(options, 'without')
        self.added = words(options, 'with')
        self.disk = int(options.get('disk', '0'))
        self.start = int(options.get('start', '0'))
        self.guids = options.get('guids', '')
        self.set = 'ControlSet00' + ('2' if 'set-2' in self.added else '1')

    def file(self, path, content=b'x'):
        path = os.path.join(self.folder, 'tree', path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as f:
            f.write(content)

    def hardware(self, name):
        return f'VEN_1AF4&DEV_{IDS[name]}&SUBSYS_00021AF4&REV_00'

    def bind(self, system, drivers, name):
        if self.database == 'critical':
            system.put(f'{self.set}\\Control\\CriticalDeviceDatabase\\pci#' +
                       self.hardware(name).lower(), Service=name,
                       ClassGUID='{4d36e97b-e325-11ce-bfc1-08002be10318}')
            return
        reg = drivers if self.database == 'drivers' else system
        reg.put('DriverDatabase\\DeviceIds\\PCI\\' + self.hardware(name),
                **{f'{name}.inf': b'\1\0\0\0'})

    def put_drivers(self, system, drivers):
        old = self.database == 'critical' and 'sha2-drivers' not in self.added
        number = 14100 if 'old-drivers' in self.added else 17100 if old else 24000
        for name in self.drivers:
            start = 3 if name == 'netkvm' or 'demand-start' in self.added else 0
            if 'service' not in self.without:
                system.put(f'{self.set}\\Services\\{name}', Type=1, Start=start,
                           ErrorControl=1, ImagePath=f'System32\\drivers\\{name}.sys')
            if 'file' not in self.without:
                machine = MACHINES['i386'][0] if '32-bit-drivers' in self.added else self.machine
                self.file(f'Windows/System32/drivers/{name}.sys',
                          program(machine, (62, 93, 104, number)))
            if 'binding' not in self.without:
                self.bind(system, drivers, name)

    def put_system(self, system):
        control = f'{self.set}\\Control'
        system.put('Select', Current=int(self.set[-1]), Default=int(self.set[-1]), Failed=0,
                   LastKnownGood=int(self.set[-1]))
        system.put('Setup', SystemSetupInProgress=0, SetupType=0)
        system.put(f'{control}\\Session Manager\\Environment', PROCESSOR_ARCHITECTURE=self.env)
        system.put(f'{control}\\Session Manager\\Memory Management',
                   PagingFiles=['?:\\pagefile.sys'])
        system.put(f'{control}\\Terminal Server', fDenyTSConnections=int('no-rdp' in self.added))
        system.put(f'{control}\\Class\\{DISK_CLASS}',
                   UpperFilters=['partmgr'] + (['snapman'] if 'filter' in self.added else []))
        system.put(f'{self.set}\\Services\\partmgr', Start=0,
                   ImagePath='System32\\drivers\\partmgr.sys')
        system.put(f'{self.set}\\Services\\partmgr\\Parameters', SanPolicy=1)
        address = {'EnableDHCP': 1}
        if 'fixed-address' in self.added:
            address = {'EnableDHCP': 0, 'IPAddress': ['192.0.2.7']}
        system.put(f'{self.set}\\Services\\Tcpip\\Parameters\\Interfaces\\'
                   '{5d8a1c2e-0000-4a6b-9c1d-525400123456}', **address)
        if 'vmware' in self.added:
            system.put(f'{self.set}\\Services\\VMTools', Start=2)
        if 'hide-devices' in self.added:
            system.put(f'{self.set}\\Services\\xenpci\\Parameters',
                       hide_devices=['PCI\\VEN_8086&DEV_7010'])
        if 'fast-startup' in self.added:
            system.put(f'{control}\\Session Manager\\Power', HiberbootEnabled=1)
        if 'pagefile-d' in self.added:
            system.put(f'{control}\\Session Manager\\Memory Management',
                       PagingFiles=['D:\\pagefile.sys 0 0'])
        if 'install-blocked' in self.added:
            system.put(f'{self.set}\\Services\\PlugPlay\\Parameters', DeviceInstallDisabled=1)
        if 'agent' not in self.without:
            system.put(f'{self.set}\\Services\\cloudbase-init', Start=4 if 'agent-off' in self.added
                       else 2, ImagePath=f'"{AGENT}" cloudbase-init "C:\\x\\cloudbase-init.exe"')
            self.file(AGENT[3:].replace('\\', '/'), program(self.machine, (1, 1, 4, 0)))

    def put_software(self, software):
        edition = 'Server' + self.edition if self.server else self.edition
        now = 'Microsoft\\Windows NT\\CurrentVersion'
        software.put(now, ProductName=self.product, EditionID=edition, CurrentVersion=self.kernel,
                     CurrentBuildNumber=self.build, CurrentBuild=self.build,
                     InstallationType=('Server Core' if 'Core' in self.edition else 'Server')
                     if self.server else 'Client', ProductId='00252-70000-00000-AA123')
        if self.pack:
            software.put(now, CSDVersion=self.pack)
        if self.release:
            software.put(now, CurrentMajorVersionNumber=10, CurrentMinorVersionNumber=0,
                         ReleaseId=self.release)
        if self.revision:
            software.put(now, UBR=2452 if 'faulty-update' in self.added else self.revision)
        software.put('Microsoft\\Windows\\CurrentVersion\\Setup\\State',
                     ImageState='IMAGE_STATE_UNDEPLOYABLE' if 'sysprep' in self.added
                     else 'IMAGE_STATE_COMPLETE')
        cbs = 'Microsoft\\Windows\\CurrentVersion\\Component Based Servicing'
        packages = ['Foundation', 'for_KB2919355', 'for_RollupFix']
        if 'sha2' not in self.without:
            packages.append('for_KB4474419')
        if 'faulty-update' in self.added and self.version == '2012-R2':
            packages.append('for_KB5009624')
        for name in packages:
            software.put(f'{cbs}\\Packages\\Package_{name}~31bf3856ad364e35~amd64~~6.3.1.0',
                         CurrentState=112)
        if 'deny-devices' in self.added:
            software.put('Policies\\Microsoft\\Windows\\DeviceInstall\\Restrictions',
                         DenyUnspecified=1)
        if 'reboot' in self.added:
            software.put(f'{cbs}\\RebootPending')

    def device(self):
        if self.guids:
            part, disk = (guid_bytes(g) for g in self.guids.split('+'))
            return bytes(16) + struct.pack('<IIII', 6, 0, 72, 0) + part + struct.pack(
                '<II', 0, 0) + disk + bytes(16)
        disk = self.disk ^ ('other-disk' in self.added)
        return bytes(16) + struct.pack('<IIII', 6, 0, 72, 0) + struct.pack(
            '<QQIII', self.start, 0, 0, 1, disk) + bytes(28)

    def put_store(self, store):
        default = ENTRY[:-2] + '7}' if 'entry' in self.without else ENTRY
        store.put('Description', KeyName='BCD00000000', System=1)
        store.put(f'Objects\\{BOOTMGR}\\Description', Type=0x10100002)
        store.put(f'Objects\\{BOOTMGR}\\Elements\\23000003', Element=default)
        store.put(f'Objects\\{ENTRY}\\Description', Type=0x10200003)
        loader = 'winload.efi' if self.guids else 'winload.exe'
        for number, value in (('11000001', self.device()), ('21000001', self.device()),
                              ('12000002', f'\\Windows\\system32\\{loader}'),
                              ('12000004', self.product), ('22000002', '\\Windows')):
            store.put(f'Objects\\{ENTRY}\\Elements\\{number}', Element=value)
        if 'loader' not in self.without:
            self.file(f'Windows/System32/{loader}', program(self.machine, (10, 0, 0, 0)))

    def write(self):
        system, software, drivers, store = Reg(), Reg(), Reg(), Reg()
        self.put_system(system)
        self.put_drivers(system, drivers)
        self.put_software(software)
        self.put_store(store)
        for name, reg in (('SYSTEM', system), ('SOFTWARE', software), ('BCD', store)):
            reg.write(f'{self.folder}/{name}.reg')
        if drivers.keys:
            drivers.write(f'{self.folder}/DRIVERS.reg')
        self.file('Windows/System32/ntoskrnl.exe', program(self.machine, (6, 0, 0, 0)))
        self.file('Windows/System32/drivers/partmgr.sys', program(self.machine, (6, 0, 0, 0)))
        self.file('Windows/explorer.exe', program(self.machine, (6, 0, 0, 0)))
        if 'hibernated' in self.added:
            self.file('hiberfil.sys', b'HIBR'.ljust(4096, b'\0'))
        if 'resumed' in self.added:
            self.file('hiberfil.sys', b'WAKE'.ljust(4096, b'\0'))
        if 'log' in self.added:
            self.file('Windows/System32/config/SYSTEM.LOG1', b'regf'.ljust(512, b'\0'))
        if 'pending' in self.added:
            self.file('Windows/WinSxS/pending.xml', b'<PendingTransaction/>')


def guid_bytes(text):
    a, b, c, d, e = text.split('-')
    return struct.pack('<IHH', int(a, 16), int(b, 16), int(c, 16)) + bytes.fromhex(d + e)


Windows(sys.argv[1], dict(word.split('=', 1) for word in sys.argv[2:])).write()
