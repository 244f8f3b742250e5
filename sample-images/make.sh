#!/bin/sh
# Makes the sample images with real QEMU (7.2 or later), in the folder of this script.
#
# The bytes are committed, so nobody needs to run this; it says how each came to be. Same QEMU, same bytes, but for
# the snapshots' dates. Corrupt samples are good ones with a few bytes overwritten.
set -eu
export LC_ALL=C
cd "$(dirname "$0")"
rm -f ./*.qcow2 ./*.qed ./*.raw corrupt/*
mkdir -p corrupt refused

qcow2() { # NAME SIZE OPTIONS
  qemu-img create -q -f qcow2 -o "$3" "./$1" "$2"
}
qed() { # NAME SIZE OPTIONS
  qemu-img create -q -f qed -o "$3" "./$1" "$2"
}
io() { # FORMAT NAME COMMAND...
  format=$1 name=$2
  shift 2
  for command; do set -- "$@" -c "$command"; shift; done
  qemu-io -d unmap -f "$format" "$@" "./$name"
}

# start.qcow2: what `npm start` opens. 8 MiB disk, 4 KiB clusters, four L2 tables; every state a conversion can carry:
# data, zero plain, zero allocated, unallocated, and a fragmented middle.
qcow2 start.qcow2 8M cluster_size=4k
io qcow2 start.qcow2 'write -q -P 0x11 0 48k' 'write -q -P 0x22 2M 24k' \
  'write -q -P 0x33 4128k 4k' 'write -q -P 0x34 4120k 4k' 'write -q -P 0x35 4112k 4k' 'write -q -P 0x36 4104k 4k' \
  'write -q -P 0x37 4100k 4k' 'write -q -P 0x38 4108k 4k' 'write -q -P 0x39 4116k 4k' 'write -q -P 0x3a 4124k 4k' \
  'write -q -P 0x44 6M 32k' 'write -q -z 6156k 8k' 'write -q -z -u 16k 8k' 'write -q -z 3M 64k' \
  'write -q -P 0x55 8188k 4k' 'write -q -P 0x66 1234k 512'

# plain.qcow2: the smallest honest image: one data run, QEMU's defaults but for the cluster size.
qcow2 plain.qcow2 1M cluster_size=4k
io qcow2 plain.qcow2 'write -q -P 0x11 0 16k'

# v2.qcow2: version 2: a 72-byte header, 16-bit refcounts, no feature bits, no zero clusters.
qcow2 v2.qcow2 1M compat=0.10,cluster_size=4k
io qcow2 v2.qcow2 'write -q -P 0x21 4k 8k' 'write -q -P 0x22 512k 512'

# refcount1.qcow2, refcount64.qcow2: the narrowest and the widest counters; 512-byte clusters give many L2 tables.
qcow2 refcount1.qcow2 256k cluster_size=512,refcount_bits=1
io qcow2 refcount1.qcow2 'write -q -P 0x31 0 2k' 'write -q -P 0x32 100k 1k' 'write -q -P 0x33 255k 1k'
qcow2 refcount64.qcow2 256k cluster_size=512,refcount_bits=64
io qcow2 refcount64.qcow2 'write -q -P 0x41 0 2k' 'write -q -P 0x42 200k 1k' 'write -q -z -u 512 512'

# zero.qcow2: zero clusters of both kinds over a backing file, beside holes that show it.
qemu-img create -q -f raw ./zero-base.raw 128k
io raw zero-base.raw 'write -q -P 0xbb 0 128k'
qemu-img create -q -f qcow2 -o cluster_size=4k -b zero-base.raw -F raw ./zero.qcow2 192k
io qcow2 zero.qcow2 'write -q -P 0x51 0 16k' 'write -q -z 4k 4k' 'write -q -z -u 8k 4k' 'write -q -z -u 32k 8k' 'write -q -z 64k 4k'

# zlib.qcow2, zstd.qcow2: compressed clusters, several to one host cluster.
qcow2 zlib.qcow2 1M cluster_size=4k
io qcow2 zlib.qcow2 'write -q -c -P 0x61 0 4k' 'write -q -c -P 0x62 4k 4k' 'write -q -c -P 0x63 64k 4k' 'write -q -P 0x64 128k 4k'
qcow2 zstd.qcow2 1M cluster_size=4k,compression_type=zstd
io qcow2 zstd.qcow2 'write -q -c -P 0x71 0 4k' 'write -q -c -P 0x72 4k 4k' 'write -q -c -P 0x73 64k 4k' 'write -q -P 0x74 128k 4k'

# subclusters.qcow2: extended L2 entries: 512-byte subclusters of 16 KiB clusters in every state.
qcow2 subclusters.qcow2 1M cluster_size=16k,extended_l2=on
io qcow2 subclusters.qcow2 'write -q -P 0x81 0 1k' 'write -q -P 0x82 4k 2k' 'write -q -z 2k 512' 'write -q -z -u 32k 4k' 'write -q -P 0x83 64k 16k'

# snapshots.qcow2: two internal snapshots, the second with VM state; shared and copied clusters.
qcow2 snapshots.qcow2 1M cluster_size=4k
io qcow2 snapshots.qcow2 'write -q -P 0x91 0 16k'
qemu-img snapshot -c before ./snapshots.qcow2
io qcow2 snapshots.qcow2 'write -q -P 0x92 4k 4k' 'write -q -b -P 0x93 0 4k'
qemu-img snapshot -c after ./snapshots.qcow2
io qcow2 snapshots.qcow2 'write -q -P 0x94 512k 4k'

# bitmaps.qcow2: two persistent dirty bitmaps, one of them disabled.
qcow2 bitmaps.qcow2 4M cluster_size=4k
qemu-img bitmap -f qcow2 --add -g 64k ./bitmaps.qcow2 daily
qemu-img bitmap -f qcow2 --add --disable -g 4k ./bitmaps.qcow2 frozen
io qcow2 bitmaps.qcow2 'write -q -P 0xa1 0 16k' 'write -q -P 0xa2 3M 4k'

# data-file.qcow2: guest data in another file, data-file.raw, at the same offsets.
qcow2 data-file.qcow2 64k cluster_size=4k,data_file=data-file.raw
io qcow2 data-file.qcow2 'write -q -P 0xc1 0 8k' 'write -q -P 0xc2 32k 4k' 'write -q -z 4k 4k'

# fragmented.qcow2: written backwards, every other cluster: no two neighbours meet in the file.
qcow2 fragmented.qcow2 1M cluster_size=4k
io qcow2 fragmented.qcow2 'write -q -P 0xd1 60k 4k' 'write -q -P 0xd2 52k 4k' 'write -q -P 0xd3 44k 4k' \
  'write -q -P 0xd4 56k 4k' 'write -q -P 0xd5 48k 4k' 'write -q -P 0xd6 40k 4k' 'write -q -P 0xd7 0 4k'

# preallocated.qcow2: preallocation=metadata: every cluster has a place, nothing is written. An odd size.
qcow2 preallocated.qcow2 24064 cluster_size=2k,preallocation=metadata

# aes.qcow2: the legacy encryption: the mapping is plain, the data is not.
qemu-img create -q -f qcow2 --object secret,id=s,data=platter -o encrypt.format=aes,encrypt.key-secret=s,cluster_size=4k \
  ./aes.qcow2 64k 2>/dev/null
qemu-io --object secret,id=s,data=platter --image-opts -c 'write -q -P 0xe1 0 8k' \
  driver=qcow2,file.filename=./aes.qcow2,encrypt.format=aes,encrypt.key-secret=s

# plain.qed, zero.qed: QED's three states, the second over a backing file; fragmented.qed: written backwards.
qed plain.qed 1M cluster_size=4k,table_size=2
io qed plain.qed 'write -q -P 0x11 0 8k' 'write -q -P 0x12 512k 4k'
qemu-img create -q -f qed -o cluster_size=4k,table_size=2 -b zero-base.raw -F raw ./zero.qed 192k
io qed zero.qed 'write -q -P 0x21 0 8k' 'write -q -z 8k 4k' 'write -q -z 64k 8k'
qed fragmented.qed 8M cluster_size=4k,table_size=2
io qed fragmented.qed 'write -q -P 0x31 28k 4k' 'write -q -P 0x32 20k 4k' 'write -q -P 0x33 12k 4k' 'write -q -P 0x34 24k 4k' \
  'write -q -P 0x35 5M 4k' 'write -q -P 0x36 16k 4k' 'write -q -z 0 4k'

# corrupt/CODE.FORMAT: one defect each; `check` names exactly CODE. defects.tsv says which bytes make it
# from which good image.
grep -v '^#' defects.tsv | while read -r name base offset bytes; do
  if [ "$base" != + ]; then cp "./$base" "corrupt/$name"; fi
  escaped=$(printf %s "$bytes" | sed 's/../\\x&/g')
  /usr/bin/printf "$escaped" | dd of="corrupt/$name" bs=1 seek=$((offset)) conv=notrunc status=none
done

# refused/CODE.FORMAT: a header that QEMU refuses, for CODE; what it says is lost, the rest is whole.
cp ./plain.qcow2 refused/cluster-bits-range.qcow2
printf '\0\0\0\040' | dd of=refused/cluster-bits-range.qcow2 bs=1 seek=20 conv=notrunc status=none
