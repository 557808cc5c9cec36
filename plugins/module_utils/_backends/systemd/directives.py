# Copyright: Contributors to the ondemand.superserver collection
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directives of socket and service units, for the check of ``native.systemd``.

The names are what ``systemd --dump-configuration-items`` prints in versions 252 and 257; what later ones have in
addition, ``systemd-analyze verify`` tells.
"""

from __future__ import annotations

from ansible_collections.ondemand.superserver.plugins.module_utils._model.service import Service

# In both sections: execution environment, kill behaviour, resource control.
_COMMON = """
    AllowedCPUs AllowedMemoryNodes AmbientCapabilities AppArmorProfile BPFProgram BindPaths BindReadOnlyPaths
    BlockIOAccounting BlockIODeviceWeight BlockIOReadBandwidth BlockIOWeight BlockIOWriteBandwidth CPUAccounting
    CPUAffinity CPUQuota CPUQuotaPeriodSec CPUSchedulingPolicy CPUSchedulingPriority CPUSchedulingResetOnFork
    CPUShares CPUWeight CacheDirectory CacheDirectoryMode CapabilityBoundingSet ConfigurationDirectory
    ConfigurationDirectoryMode CoredumpFilter DefaultMemoryLow DefaultMemoryMin Delegate DeviceAllow
    DevicePolicy DisableControllers DynamicUser Environment EnvironmentFile ExecPaths ExecSearchPath
    ExecStartPost ExecStartPre ExecStopPost ExtensionDirectories ExtensionImages FinalKillSignal Group
    IOAccounting IODeviceLatencyTargetSec IODeviceWeight IOReadBandwidthMax IOReadIOPSMax IOSchedulingClass
    IOSchedulingPriority IOWeight IOWriteBandwidthMax IOWriteIOPSMax IPAccounting IPAddressAllow IPAddressDeny
    IPCNamespacePath IPEgressFilterPath IPIngressFilterPath IgnoreSIGPIPE InaccessibleDirectories
    InaccessiblePaths KeyringMode KillMode KillSignal LimitAS LimitCORE LimitCPU LimitDATA LimitFSIZE LimitLOCKS
    LimitMEMLOCK LimitMSGQUEUE LimitNICE LimitNOFILE LimitNPROC LimitRSS LimitRTPRIO LimitRTTIME LimitSIGPENDING
    LimitSTACK LoadCredential LoadCredentialEncrypted LockPersonality LogExtraFields LogLevelMax LogNamespace
    LogRateLimitBurst LogRateLimitIntervalSec LogsDirectory LogsDirectoryMode ManagedOOMMemoryPressure
    ManagedOOMMemoryPressureLimit ManagedOOMPreference ManagedOOMSwap MemoryAccounting MemoryDenyWriteExecute
    MemoryHigh MemoryLimit MemoryLow MemoryMax MemoryMin MemorySwapMax MountAPIVFS MountFlags MountImages
    NUMAMask NUMAPolicy NetworkNamespacePath Nice NoExecPaths NoNewPrivileges OOMScoreAdjust PAMName
    PassEnvironment Personality PrivateDevices PrivateIPC PrivateMounts PrivateNetwork PrivateTmp PrivateUsers
    ProcSubset ProtectClock ProtectControlGroups ProtectHome ProtectHostname ProtectKernelLogs
    ProtectKernelModules ProtectKernelTunables ProtectProc ProtectSystem ReadOnlyDirectories ReadOnlyPaths
    ReadWriteDirectories ReadWritePaths RemoveIPC RestartKillSignal RestrictAddressFamilies RestrictFileSystems
    RestrictNamespaces RestrictNetworkInterfaces RestrictRealtime RestrictSUIDSGID RootDirectory RootHash
    RootHashSignature RootImage RootImageOptions RootVerity RuntimeDirectory RuntimeDirectoryMode
    RuntimeDirectoryPreserve SELinuxContext SecureBits SendSIGHUP SendSIGKILL SetCredential
    SetCredentialEncrypted Slice SmackProcessLabel SocketBindAllow SocketBindDeny StandardError StandardInput
    StandardInputData StandardInputText StandardOutput StartupAllowedCPUs StartupAllowedMemoryNodes
    StartupBlockIOWeight StartupCPUShares StartupCPUWeight StartupIOWeight StateDirectory StateDirectoryMode
    SupplementaryGroups SyslogFacility SyslogIdentifier SyslogLevel SyslogLevelPrefix SystemCallArchitectures
    SystemCallErrorNumber SystemCallFilter SystemCallLog TTYColumns TTYPath TTYReset TTYRows TTYVHangup
    TTYVTDisallocate TasksAccounting TasksMax TemporaryFileSystem TimeoutCleanSec TimeoutSec TimerSlackNSec
    UMask UnsetEnvironment User UtmpIdentifier UtmpMode WatchdogSignal WorkingDirectory
"""

_SOCKET = """
    Accept Backlog BindIPv6Only BindToDevice Broadcast DeferAcceptSec DirectoryMode ExecStopPre
    FileDescriptorName FlushPending FreeBind IPTOS IPTTL KeepAlive KeepAliveIntervalSec KeepAliveProbes
    KeepAliveTimeSec ListenDatagram ListenFIFO ListenMessageQueue ListenNetlink ListenSequentialPacket
    ListenSpecial ListenStream ListenUSBFunction Mark MaxConnections MaxConnectionsPerSource
    MessageQueueMaxMessages MessageQueueMessageSize NoDelay PassCredentials PassPacketInfo PassSecurity PipeSize
    Priority ReceiveBuffer RemoveOnStop ReusePort SELinuxContextFromNet SendBuffer Service SmackLabel
    SmackLabelIPIn SmackLabelIPOut SocketGroup SocketMode SocketProtocol SocketUser Symlinks TCPCongestion
    Timestamping Transparent TriggerLimitBurst TriggerLimitIntervalSec Writable
"""

_SERVICE = """
    BusName ExecCondition ExecReload ExecStart ExecStop ExitType FailureAction FileDescriptorStoreMax
    GuessMainPID NonBlocking NotifyAccess OOMPolicy PIDFile PermissionsStartOnly RebootArgument RemainAfterExit
    Restart RestartForceExitStatus RestartPreventExitStatus RestartSec RootDirectoryStartOnly RuntimeMaxSec
    RuntimeRandomizedExtraSec Sockets StartLimitAction StartLimitBurst StartLimitInterval SuccessExitStatus
    TimeoutAbortSec TimeoutStartFailureMode TimeoutStartSec TimeoutStopFailureMode TimeoutStopSec Type
    USBFunctionDescriptors USBFunctionStrings WatchdogSec
"""

# Not in 252, in 257: systemd-analyze refuses them where they are unknown.
_COMMON_257 = """
    BindLogSockets CoredumpReceive DefaultStartupMemoryLow DelegateSubgroup ExtensionImagePolicy
    ImportCredential LogFilterPatterns ManagedOOMMemoryPressureDurationSec MemoryKSM MemoryPressureThresholdSec
    MemoryPressureWatch MemoryZSwapMax MemoryZSwapWriteback MountImagePolicy NFTSet PrivatePIDs RootEphemeral
    RootImagePolicy SetLoginEnvironment StartupMemoryHigh StartupMemoryLow StartupMemoryMax StartupMemorySwapMax
    StartupMemoryZSwapMax
"""

_SOCKET_257 = """
    PassFileDescriptorsToExec PollLimitBurst PollLimitIntervalSec
"""

_SERVICE_257 = """
    FileDescriptorStorePreserve OpenFile ReloadSignal RestartMaxDelaySec RestartMode RestartSteps
"""

# The last version that the lists are of.
LISTED = 257

DIRECTIVES: dict[str, frozenset[str]] = {
    "socket": frozenset((_COMMON + _COMMON_257 + _SOCKET + _SOCKET_257).split()),
    "service": frozenset((_COMMON + _COMMON_257 + _SERVICE + _SERVICE_257).split()),
}

# What the collection writes itself, and the field of the schema to use instead.
OWNED: dict[str, dict[str, str]] = {
    "socket": {
        "Accept": "accept",
        "Backlog": "listen.backlog",
        "BindIPv6Only": "listen.family",
        "BindToDevice": "listen.interface",
        "DeferAcceptSec": "tcp.defer_accept",
        "DirectoryMode": "listen",
        "FreeBind": "listen",
        "IPAddressAllow": "access.allow",
        "IPAddressDeny": "access.deny",
        "KeepAlive": "tcp.keepalive",
        "ListenDatagram": "listen",
        "ListenSequentialPacket": "listen",
        "ListenStream": "listen",
        "MaxConnections": "connections.max",
        "MaxConnectionsPerSource": "connections.per_source",
        "NoDelay": "tcp.no_delay",
        "PollLimitBurst": "connections.rate",
        "PollLimitIntervalSec": "connections.rate",
        "RemoveOnStop": "listen",
        "Service": "exec",
        "SocketGroup": "listen.group",
        "SocketMode": "listen.mode",
        "SocketProtocol": "listen",
        "SocketUser": "listen.owner",
        "TriggerLimitBurst": "connections.rate",
        "TriggerLimitIntervalSec": "connections.rate",
    },
    "service": {
        "CapabilityBoundingSet": "sandbox",
        "DynamicUser": "user",
        "Environment": "environment",
        "EnvironmentFile": "environment_file",
        "ExecStart": "exec",
        "ExecStopPost": "exec",
        "Group": "group",
        "GuessMainPID": "accept",
        "KillMode": "end_children",
        "LimitAS": "resources.address_space",
        "LimitCORE": "resources.core",
        "LimitCPU": "resources.cpu_time",
        "LimitDATA": "resources.data",
        "LimitFSIZE": "resources.file_size",
        "LimitNOFILE": "resources.open_files",
        "LimitNPROC": "resources.processes",
        "LimitSTACK": "resources.stack",
        "Nice": "nice",
        "NoNewPrivileges": "sandbox",
        "PIDFile": "accept",
        "PassEnvironment": "environment",
        "RemainAfterExit": "accept",
        "Restart": "accept",
        "RestartForceExitStatus": "accept",
        "RestartMaxDelaySec": "accept",
        "RestartMode": "accept",
        "RestartPreventExitStatus": "accept",
        "RestartSec": "accept",
        "RestartSteps": "accept",
        "RuntimeMaxSec": "resources.connection_time",
        "RuntimeRandomizedExtraSec": "resources.connection_time",
        "Slice": "resources",
        "StandardError": "stderr",
        "StandardInput": "accept",
        "StandardInputData": "accept",
        "StandardInputText": "accept",
        "StandardOutput": "accept",
        "StartLimitAction": "connections.rate",
        "StartLimitBurst": "connections.rate",
        "StartLimitInterval": "connections.rate",
        "SupplementaryGroups": "supplementary_groups",
        "Type": "accept",
        "UMask": "umask",
        "UnsetEnvironment": "environment",
        "User": "user",
        "WorkingDirectory": "working_directory",
    },
}


# What systemd sets because of directives (systemd.exec(5), "Environment variables in spawned processes"), some of it in
# newer releases only.
_SOCKETS = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
_CREDENTIALS = ("CREDENTIALS_DIRECTORY",)
_PRESSURE = ("MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE")
VARIABLES: dict[str, dict[str, tuple[str, ...]]] = {
    "socket": {"FileDescriptorName": ("LISTEN_FDNAMES",)},
    "service": {
        "CacheDirectory": ("CACHE_DIRECTORY",),
        "ConfigurationDirectory": ("CONFIGURATION_DIRECTORY",),
        "FileDescriptorStoreMax": ("FDSTORE", "NOTIFY_SOCKET"),
        "ImportCredential": _CREDENTIALS,
        "LoadCredential": _CREDENTIALS,
        "LoadCredentialEncrypted": _CREDENTIALS,
        "LogNamespace": ("LOG_NAMESPACE",),
        "LogsDirectory": ("LOGS_DIRECTORY",),
        "MemoryPressureThresholdSec": _PRESSURE,
        "MemoryPressureWatch": _PRESSURE,
        "NotifyAccess": ("NOTIFY_SOCKET",),
        "OpenFile": _SOCKETS,
        "PIDFile": ("PIDFILE",),
        "RuntimeDirectory": ("RUNTIME_DIRECTORY",),
        "SetCredential": _CREDENTIALS,
        "SetCredentialEncrypted": _CREDENTIALS,
        "SetLoginEnvironment": ("HOME", "LOGNAME", "SHELL", "USER"),
        "Sockets": _SOCKETS,
        "StateDirectory": ("STATE_DIRECTORY",),
        "TTYPath": ("TERM",),
        "WatchdogSec": ("WATCHDOG_USEC", "WATCHDOG_PID", "NOTIFY_SOCKET"),
    },
}


def directed(service: Service) -> tuple[str, ...]:
    """The variables that systemd may set because of raw directives, but for those that are declared."""
    given = {"socket": service.native.of("systemd.socket"), "service": service.native.of("systemd.service")}
    names = [
        name for section, directives in given.items() for key in directives for name in VARIABLES[section].get(key, ())
    ]
    declared = dict(service.environment)
    return tuple(name for name in dict.fromkeys(names) if name not in declared)
