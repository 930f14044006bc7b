// Several zip files of the service as one. They hold no encryption, no comments and fit into memory, so the
// entries are copied as they are: only their places in the file change.

const [CENTRAL, END] = [0x02014b50, 0x06054b50];
const END_BYTES = 22;
const MOST_ENTRIES = 65_535; // their number has 16 bits
const MOST_BYTES = 2 ** 30; // in memory until they are saved; offsets have 32 bits

const countEntries = (buffer) => {
  const bytes = new DataView(buffer);
  const end = buffer.byteLength - END_BYTES;
  if (bytes.getUint32(end, true) !== END) throw new Error("not a zip file of the service");
  return bytes.getUint16(end + 10, true);
};
const entriesOf = (buffer) => {
  const entries = [];
  let left = countEntries(buffer);
  const bytes = new DataView(buffer);
  let at = bytes.getUint32(buffer.byteLength - END_BYTES + 16, true);
  for (; left > 0; left -= 1) {
    if (bytes.getUint32(at, true) !== CENTRAL) throw new Error("a damaged zip file");
    const [size, name, extra] = [bytes.getUint32(at + 20, true), bytes.getUint16(at + 28, true), bytes.getUint16(at + 30, true)];
    const local = bytes.getUint32(at + 42, true);
    const start = local + 30 + bytes.getUint16(local + 26, true) + bytes.getUint16(local + 28, true);
    entries.push({ central: buffer.slice(at, at + 46 + name + extra), local: buffer.slice(local, start + size) });
    at += 46 + name + extra;
  }
  return entries;
};
/** Whether one more zip file may be joined to some others. */
export const fits = (buffers, one) => {
  if (!buffers.length) return true;
  const all = [...buffers, one];
  const sum = (of) => all.reduce((total, buffer) => total + of(buffer), 0);
  return sum(countEntries) <= MOST_ENTRIES && sum(({ byteLength }) => byteLength) <= MOST_BYTES;
};
/** One zip file with everything that some zip files hold. */
export const joinArchives = (buffers) => {
  const entries = buffers.flatMap(entriesOf);
  let offset = 0;
  const heads = entries.map(({ central, local }) => {
    const head = central.slice(0);
    new DataView(head).setUint32(42, offset, true);
    offset += local.byteLength;
    return head;
  });
  const end = new DataView(new ArrayBuffer(END_BYTES));
  end.setUint32(0, END, true);
  end.setUint16(8, entries.length, true);
  end.setUint16(10, entries.length, true);
  end.setUint32(12, heads.reduce((sum, head) => sum + head.byteLength, 0), true);
  end.setUint32(16, offset, true);
  return new Blob([...entries.map(({ local }) => local), ...heads, end], { type: "application/zip" });
};
