"""Snippets of hostile Python by what they try; one that gets through prints GOT, or something that holds CANARY.

{W} is a folder of the host with a canary file, {DB} a file of the host, {PORT} a port and {ABSTRACT} a socket that the
host listens on, {HOST} the host's process.
"""
# ruff: noqa: E501 (a snippet a line reads best)

CALL = "import ctypes; l = ctypes.CDLL(None, use_errno=True)\n"

FILES = {
    "read a file": "print(open('{W}/canary').read())",
    "read a file through os": "import os; print(os.read(os.open('{W}/canary', 0), 99))",
    "read a file relative to a folder": "import os; print(os.read(os.open('canary', 0, dir_fd=os.open('{W}', 0)), 99))",
    "read a file through numpy": "print(np.fromfile('{W}/canary', dtype='u1').tobytes())",
    "map a file through numpy": "print(bytes(np.memmap('{W}/canary', dtype='u1', mode='r')))",
    "load text through numpy": "print(np.loadtxt('{W}/canary', dtype=str))",
    "read a file through io": "import io; print(io.FileIO('{W}/canary').read())",
    "read a file through codecs": "import codecs; print(codecs.open('{W}/canary').read())",
    "read a file through linecache": "import linecache; print('GOT' if linecache.getline('{W}/canary', 1) else '')",
    "read a file through pathlib": "import pathlib; print(pathlib.Path('{W}/canary').read_text())",
    "read a file through a loader": "import importlib.machinery as m; print(m.SourceFileLoader('x', 'x').get_data('{W}/canary'))",
    "import a file of the host": "import sys; sys.path.append('{W}'); import canary_module; print('GOT')",
    "read an archive": "import zipfile; zipfile.ZipFile('{W}/canary'); print('GOT')",
    "read this interpreter": "import sys; open(sys.executable, 'rb'); print('GOT')",
    "read the password file": "print('GOT', open('/etc/passwd').read())",
    "read the own environment": "print('GOT', open('/proc/self/environ').read())",
    "read the host's environment": "print('GOT', open('/proc/{HOST}/environ').read())",
    "read the host's memory map": "print('GOT', open('/proc/{HOST}/maps').read())",
    "read the host's memory": "print('GOT', open('/proc/{HOST}/mem', 'rb'))",
    "read the host's open files": "import os; print('GOT', os.listdir('/proc/{HOST}/fd'))",
    "read the own memory file": "print('GOT', open('/proc/self/mem', 'rb'))",
    "read kernel messages": "print('GOT', open('/dev/kmsg'))",
    "read a disk": "print('GOT', open('/dev/vda', 'rb'))",
    "open shared memory": "from multiprocessing import shared_memory; shared_memory.SharedMemory('x', True, 9); print('GOT')",
    "reach a file by descriptor path": "print('GOT', open('/dev/fd/0'))",
    "list a folder": "import os; print('GOT', os.listdir('{W}'))",
    "walk from the root": "import os; print('GOT' if any(True for _ in os.walk('/')) else '')",
    "glob": "import glob; print('GOT' if glob.glob('{W}/*') else '')",
    "ask for a file's size": "import os; print('GOT', os.stat('{W}/canary').st_size)",
    "ask whether a file exists": "import os; print('GOT' if os.path.exists('{W}/canary') else '')",
    "ask for access": "import os; print('GOT' if os.access('{W}/canary', os.R_OK) else '')",
    "ask for the working folder": "import os; print('GOT', os.getcwd())",
    "ask for a disk's size": "import os; print('GOT', os.statvfs('/'))",
    "write a file": "open('{W}/new', 'w'); print('GOT')",
    "write where it is": "open('big', 'wb').write(b'x' * 1_000_000); print('GOT')",
    "write a temporary file": "import tempfile; tempfile.TemporaryFile(); print('GOT')",
    "append to a file": "open('{DB}', 'ab'); print('GOT')",
    "truncate the store": "import os; os.truncate('{DB}', 0); print('GOT')",
    "delete the store": "import os; os.unlink('{DB}'); print('GOT')",
    "rename the store": "import os; os.rename('{DB}', '{W}/moved'); print('GOT')",
    "change the store's times": "import os; os.utime('{DB}', (0, 0)); print('GOT')",
    "change the store's mode": "import os; os.chmod('{DB}', 0o777); print('GOT')",
    "change the store's owner": "import os; os.chown('{DB}', 1, 1); print('GOT')",
    "mark the store": "import os; os.setxattr('{DB}', 'user.x', b'1'); print('GOT')",
    "hard link": "import os; os.link('{W}/canary', 'hl'); print('GOT')",
    "symbolic link": "import os; os.symlink('{W}/canary', '{W}/sl'); print('GOT')",
    "make a folder": "import os; os.mkdir('{W}/folder'); print('GOT')",
    "make a named pipe": "import os; os.mkfifo('{W}/pipe'); print('GOT')",
    "make a device": "import os; os.mknod('{W}/device', 0o60600, 1); print('GOT')",
    "make a file in memory": "import os; os.memfd_create('x'); print('GOT')",
    "change the root": "import os; os.chroot('/tmp'); print('GOT')",
    "change the folder": "import os; os.chdir('{W}'); print('GOT')",
    "load a library": "import ctypes; ctypes.CDLL('libz.so.1'); ctypes.CDLL('{W}/canary.so'); print('GOT')",
}
SECRETS = {
    "read the environment": "import os; print('GOT' if os.environ else '', dict(os.environ))",
    "read the environment below Python": CALL
    + "l.getenv.restype = ctypes.c_char_p; print(l.getenv(b'OPENAI_API_KEY'))",
    "read the arguments": "import sys; print('GOT' if len(sys.argv) > 1 else '', sys.argv)",
    "read the host's name": "import os; print('GOT', os.uname())",
    "read the host's name through socket": "import socket; print('GOT', socket.gethostname())",
    "read the machine's memory": CALL + "print('GOT' if l.sysinfo((ctypes.c_char * 200)()) == 0 else '')",
    "look up a user": "import pwd; print('GOT', pwd.getpwuid(0))",
    "find a descriptor of the host": "import os\nfor f in range(3, 256):\n  try: os.lseek(f, 0, 1); print('GOT', f)\n"
    "  except OSError as e: print('GOT' if e.errno == 29 else '')",
    "find a module of the host": "import sys; print('GOT' if {{'duckdb', 'pydantic', 'halo_opt.store'}} & set(sys.modules) else '')",
    "read the host's variables from frames": "import sys\nf = sys._getframe()\nwhile f: print(f.f_globals.get('SECRET'))\nf = f.f_back",
}
NETWORK = {
    "connect to the host": "import socket; print('GOT', socket.create_connection(('127.0.0.1', {PORT}), 2))",
    "connect over IPv6": "import socket; socket.socket(socket.AF_INET6); print('GOT')",
    "send a datagram": "import socket; s = socket.socket(type=socket.SOCK_DGRAM); print('GOT', s.sendto(b'x', ('127.0.0.1', {PORT})))",
    "make a raw socket": "import socket; socket.socket(type=socket.SOCK_RAW); print('GOT')",
    "make a local socket": "import socket; socket.socket(socket.AF_UNIX).connect('\\0{ABSTRACT}'); print('GOT')",
    "make a netlink socket": "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW); print('GOT')",
    "make a packet socket": "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW); print('GOT')",
    "make a socket to the hypervisor": "import socket; socket.socket(socket.AF_VSOCK); print('GOT')",
    "make a pair of sockets": "import socket; socket.socketpair(); print('GOT')",
    "listen": "import socket; socket.create_server(('127.0.0.1', 0)); print('GOT')",
    "resolve a name": "import socket; print('GOT', socket.getaddrinfo('example.com', 80))",
    "fetch a page": "import urllib.request; print('GOT', urllib.request.urlopen('http://127.0.0.1:{PORT}'))",
    "open a connection in asyncio": "import asyncio; asyncio.run(asyncio.sleep(0)); print('GOT')",
    "treat a descriptor as a socket": "import socket; socket.socket(fileno=1).send(b'x'); print('GOT')",
}
PROCESSES = {
    "run a shell command": "import os; print('GOT' if os.system('touch {W}/pwned') == 0 else '')",
    "run a subprocess": "import subprocess; subprocess.run(['/bin/true']); print('GOT')",
    "open a pipe from a command": "import os; print('GOT', os.popen('id').read())",
    "spawn": "import os; print('GOT', os.posix_spawn('/bin/true', ['true'], {{}}))",
    "fork": "import os; os.fork(); print('GOT')",
    "fork with a terminal": "import os; os.forkpty(); print('GOT')",
    "fork bomb": "import os\nfor _ in range(10000):\n  try: os.fork(); print('GOT')\n  except OSError: pass",
    "become another program": "import os; os.execv('/bin/echo', ['echo', 'GOT'])",
    "start a thread": "import threading; threading.Thread(target=print, args=('GOT',)).start()",
    "start many threads": "from concurrent.futures import ThreadPoolExecutor\nprint('GOT', list(ThreadPoolExecutor().map(str, [1])))",
    "start a worker process": "import multiprocessing; multiprocessing.Process(target=print).start(); print('GOT')",
    "signal the host": "import os; os.kill({HOST}, 0); print('GOT')",
    "kill the host": "import os; os.kill(os.getppid(), 9); print('GOT')",
    "kill everything": "import os; os.kill(-1, 9); print('GOT')",
    "kill the process group": "import os; os.killpg(0, 9); print('GOT')",
    "open a handle on the host": "import os; os.pidfd_open({HOST}); print('GOT')",
    "leave the session": "import os; os.setsid(); print('GOT')",
    "become another user": "import os; os.setuid(65534); print('GOT')",
    "regain privileges": "import os; os.setresuid(0, 0, 0); print('GOT')",
    "trace the host": CALL + "print('GOT' if l.ptrace(16, {HOST}, None, None) == 0 else '')",
    "write into the host": CALL + "print('GOT' if l.process_vm_writev({HOST}, None, 0, None, 0, 0) >= 0 else '')",
    "outlive the host": CALL + "print('GOT' if l.prctl(1, 0, 0, 0, 0) == 0 else '')",
    "make a pipe": "import os; os.pipe(); print('GOT')",
    "duplicate a descriptor": "import os; os.dup(1); print('GOT')",
    "pass an interrupt on to a handler of the host": "import os; os.kill({HOST}, 2); print('GOT')",
}
KERNEL = {
    "mount": CALL + "print('GOT' if l.mount(b'none', b'/mnt', b'tmpfs', 0, None) == 0 else '')",
    "make a namespace": CALL + "print('GOT' if l.unshare(0x10000000) == 0 else '')",
    "set the clock": "import time; time.clock_settime(time.CLOCK_REALTIME, 0); print('GOT')",
    "set the host's name": "import socket; socket.sethostname('x'); print('GOT')",
    "raise the memory limit": "import resource; resource.setrlimit(resource.RLIMIT_AS, (-1, -1)); print('GOT')",
    "raise the host's limits": "import resource; resource.prlimit({HOST}, resource.RLIMIT_AS, (-1, -1)); print('GOT')",
    "change priority": "import os; os.setpriority(os.PRIO_PROCESS, 0, -20); print('GOT')",
    "change the scheduler": "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)); print('GOT')",
    "run machine code": "import ctypes, mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_EXEC | mmap.PROT_READ | mmap.PROT_WRITE); print('GOT')",
    "make memory executable": CALL
    + "import mmap; m = mmap.mmap(-1, 4096); a = ctypes.addressof(ctypes.c_char.from_buffer(m))\n"
    "print('GOT' if l.mprotect(ctypes.c_void_p(a), 4096, 7) == 0 else '')",
    "loosen the filter": CALL + "print('GOT' if l.prctl(22, 0, 0, 0, 0) == 0 else '')",
    "send input to the terminal": "import fcntl; fcntl.ioctl(0, 0x5412, b'x'); print('GOT')",
    "have signals sent by a descriptor": "import fcntl; fcntl.fcntl(0, 8, {HOST}); print('GOT')",
    "copy a descriptor by fcntl": "import fcntl; fcntl.fcntl(1, 1030, 0); print('GOT')",
}
GREED = {
    "take all memory at once": "x = b'x' * 10**12; print('GOT')",
    "take all memory in numpy": "x = np.ones(10**12); print('GOT')",
    "take all memory in pieces": "x = []\nwhile True: x.append(bytearray(10**8))",
    "take all memory by recursion": "import sys; sys.setrecursionlimit(10**9)\ndef f(n): return f([n])\nf(0)",
    "map memory without touching it": "import mmap; x = [mmap.mmap(-1, 10**9) for _ in range(100)]; print('GOT')",
    "recurse": "def f(): return f()\nf()",
    "nest deeply": "eval('(' * 10**4 + ')' * 10**4); print('GOT')",
    "nest deeply in a type": "x = 1\nfor _ in range(10**5): x = [x]\nprint('GOT', repr(x))",
    "print without end": "while True: print('x' * 10**5)",
    "loop without end": "while True: pass",
    "loop without end and swallow errors": "while True:\n  try:\n    while True:\n      x = 1\n  except Exception: pass",
    "sleep": "import time; time.sleep(10**6); print('GOT')",
    "wait for input": "import sys; print('GOT', input())",
    "match for ever": "import re; re.match('(a+)+$', 'a' * 60 + 'b'); print('GOT')",
    "raise an error with an endless text": "class E(Exception):\n  def __str__(self):\n    while True: pass\nraise E",
    "give a value with an endless repr": "class E:\n  def __repr__(self):\n    while True: pass\nE()",
    "give a value with a failing repr": "class E:\n  def __repr__(self): raise SystemExit('GONE')\nE()",
    "ask the host too often": "for _ in range(10**4):\n  try: ask('x')\n  except RuntimeError: pass\nelse: print('done')",
    "ask the host for another function": "ask.__globals__['host_function'](ask.__closure__, 'exec', None, 0)('1'); print('GOT')",
    "send the host too much": "ask('x' * 10**8); print('GOT')",
}
ALIVE = FILES | SECRETS | NETWORK | PROCESSES | KERNEL | GREED

FRAME = """
import os, json, sys
def frame(**m):
    b = json.dumps(m).encode(); b = len(b).to_bytes(4, 'big') + b
    os.write(1, b)
cell = int(sys._getframe().f_code.co_filename.split()[1].strip('>'))
done = dict(kind='done', stdout='', stdout_cut=0, value='FORGED', value_cut=0, error=None)
call = dict(kind='call', name='ask', args=['x'], kwargs={{}})
"""
# These cost the cell its process. What matters is that the host is not confused, and that the next session is sound.
DEADLY = {
    "end the process": "import os; os._exit(0)",
    "crash": "import ctypes; ctypes.string_at(0)",
    "abort": "import os; os.abort()",
    "close the channel": "import os; os.close(1)",
    "close the channel and go on": "import os; os.close(1)\nwhile True: pass",
    "write rubbish": "import os; os.write(1, b'rubbish')",
    "announce a huge message": "import os; os.write(1, b'\\xff' * 4)",
    "send half a message": "import os; os.write(1, b'\\0\\0\\1\\0{{')\nwhile True: pass",
    "send no JSON": FRAME + "os.write(1, b'\\0\\0\\0\\1x')",
    "send nested JSON": FRAME + "b = b'[' * 10**6; os.write(1, len(b).to_bytes(4, 'big') + b)",
    "send bytes that are no text": FRAME + "os.write(1, b'\\0\\0\\0\\3\"\\xff\"')",
    "introduce itself again": FRAME + "frame(kind='hello', landlock=9, probes=9, through=[])",
    "finish itself, twice": FRAME + "frame(**done, cell=cell)",
    "finish itself and the next one": FRAME + "frame(**done, cell=cell); frame(**done, cell=cell + 1)",
    "finish itself and answer in place of the next": FRAME
    + "frame(**done, cell=cell); os.read(0, 4); frame(**done, cell=cell + 2)",
    "finish another cell": FRAME + "frame(**done, cell=cell + 1)",
    "finish an older cell": FRAME + "frame(**done, cell=cell - 1)",
    "call from another cell": FRAME + "frame(**call, cell=cell + 1)",
    "finish with another shape": FRAME + "frame(**done | dict(stdout=7), cell=cell)",
    "finish with a field too many": FRAME + "frame(**done, cell=cell, state_lost=False)",
    "finish with a negative count": FRAME + "frame(**done | dict(stdout_cut=-5), cell=cell)",
    "call with a cell that is true": FRAME + "frame(**call, cell=True)",
    "flood with calls and read no answer": FRAME + "while True: frame(**call, cell=cell)",
    "flood with calls and throw the answers away": FRAME
    + "import select\ndef flood():\n  while True:\n    try:\n      while True:\n"
    "        for _ in range(50): frame(**call, cell=cell)\n        while select.select([0], [], [], 0)[0]: os.read(0, 65536)\n"
    "    except BaseException: flood()\nflood()",
    "take the host's answer": FRAME + "frame(**call, cell=cell); os.read(0, 3)",
    "ignore interrupts": "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
    "catch every interrupt": "def f():\n  while True:\n    try:\n      while True:\n        x = 1\n    except BaseException: f()\nf()",
    "compute where no interrupt reaches": "sum(range(10**12))",
    "use up the processor": "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
}
ATTACKS = ALIVE | DEADLY
