// What the service says to people, in Chinese. A test finds every reason and every class of errors here.

/** Why somebody is left alone, and why a picture is no garment. */
const REASONS = {
  "a coat is worn": "穿着外套",
  "a dress is worn": "穿着连衣裙",
  "a sleeve is bent; lay the sleeves out straight": "袖子弯曲，请把袖子摊直",
  "an arm is raised": "有手臂抬起",
  "glasses are worn already": "已经戴着眼镜",
  "it has no transparency, and its ground is not near white; cut it out": "背景既不透明也不接近白色，请先抠图",
  "it is fully transparent": "完全透明",
  "it is too small": "太小",
  "its body is too short or too long; trousers and coats are not known": "衣身太短或太长；不支持裤子和外套",
  "its sides are too different; it must be seen from the front, lying flat": "左右两侧差别太大，须为正面平铺的图片",
  "its sleeves are too different; it must be seen from the front, lying flat": "两只袖子差别太大，须为正面平铺的图片",
  "its sleeves touch its body, or it has none; spread the sleeves": "袖子贴着衣身，或没有袖子；请把袖子展开",
  "neither head nor arms are visible": "看不到头和手臂",
  "no face is seen from the front": "看不到正脸",
  "no face is visible": "看不到脸",
  "no gap between its sleeves and its body; spread the sleeves": "袖子与衣身之间没有空隙，请把袖子展开",
  "no hair is visible": "看不到头发",
  "no part of it is opaque; it must not be see-through": "没有不透明的部分，衣物不能是半透明的",
  "no shoes are visible": "看不到鞋子",
  "no sleeves hang from its shoulders; turn it if it lies upside down": "看不到从肩部垂下的袖子；如果图片上下颠倒，请转正",
  "no top is visible": "看不到上衣",
  "no trousers or skirt are visible": "看不到裤子或裙子",
  "something in the color of skin is in front of the top": "上衣前面有肤色的物体",
  "the arms are crossed": "手臂交叉",
  "the arms cannot be followed": "无法辨认手臂的走向",
  "the body is not seen from the front": "身体不是正面",
  "the body is not upright": "身体不是直立的",
  "the collar that is worn is higher than the new one": "身上衣服的领口比新衣服的高",
  "the ear is hidden by hair": "耳朵被头发遮住",
  "the ear is not visible": "看不到耳朵",
  "the ear is on the far side": "耳朵在看不见的一侧",
  "the ears cannot be found": "找不到耳朵",
  "the eyes cannot be found": "找不到眼睛",
  "the face is cut by the frame": "脸被画面裁切",
  "the face is too small": "脸太小",
  "the face is turned away or hidden": "脸转过去了或被遮住",
  "the garment cannot be told from its ground; cut it out": "衣服与背景分不清，请先抠图",
  "the garment would be stretched too much": "衣服会被拉伸得太厉害",
  "the hair is too full for the hat": "头发太蓬，戴不下这顶帽子",
  "the hat that is worn is larger than the new one": "头上的帽子比新帽子大",
  "the hat would cover the eyes": "帽子会遮住眼睛",
  "the hat would float above the face": "帽子会悬在脸的上方",
  "the hat would lie outside the photo": "帽子会落在照片之外",
  "the head is hidden by somebody in front": "头被前面的人挡住",
  "the head is seen from the side": "头部是侧面",
  "the head is turned by more than 50 degrees": "头部转动超过 50 度",
  "the hem of the top that is worn is not even": "身上衣服的下摆不平整",
  "the model has no label for faces": "模型没有脸的标签",
  "the model has no label for this": "模型没有这类物品的标签",
  "the model has no labels for heads and arms": "模型没有头和手臂的标签",
  "the neck is covered": "脖子被遮住",
  "the network is not sure that these are trousers or a skirt": "无法确定这是裤子或裙子",
  "the network is not sure that this is a person": "无法确定这是人",
  "the person is too small": "人物太小",
  "the shoulders are not visible": "看不到肩膀",
  "the sleeves that are worn are longer than the new ones": "身上衣服的袖子比新衣服的长",
  "the sleeves that are worn are too wide": "身上衣服的袖子太宽",
  "the top that is worn is much longer": "身上的衣服比新衣服长得多",
  "this looks like an animal": "看起来像动物",
  "too few body parts are recognized": "识别出的身体部位太少",
  "too little of the hair is visible": "露出的头发太少",
  "the hair is too dark to show strands": "头发太暗，看不清发丝",
  "too little of the shoes is visible": "露出的鞋子太少",
  "too little of the top is visible": "露出的上衣太少",
  "too little of the trousers or skirt is visible": "露出的裤子或裙子太少",
  "too much of the top is hidden": "上衣被遮住太多",
};

/** What is wrong, by the class of an error: for all whose own sentence is not below. */
const FAILURES = {
  bad_form: "服务无法处理这个表单。",
  bad_parameter: "服务无法处理这个请求。",
  busy: "服务正忙，请稍后再试。",
  closing: "服务正在关闭，请稍后再试。",
  conflict: "图片的名称有冲突。",
  corrupt: "图片已损坏，请重新复制或导出。",
  crash: "处理这张图片时工作进程崩溃了。",
  crowded: "打开的连接太多，请稍后再试。",
  empty: "文件是空的，请重新复制或下载。",
  internal: "服务内部出错。",
  no_photo: "没有收到照片。",
  no_result: "服务已不再保留这张照片，请重新添加。",
  no_token: "此服务需要令牌。",
  not_acceptable: "服务没有所要求的格式。",
  not_found: "服务没有这个地址。",
  nothing_to_wear: "没有选择要试穿的东西。",
  out_of_memory: "服务的内存不足以处理这张图片，请换用较小的图片。",
  refused: "服务拒绝了这个请求。",
  stale: "图片在识别之后被更改了。",
  starting: "模型正在加载，请稍后再试。",
  timeout: "处理这张图片用时太长，已停止。",
  too_large: "图片超过本服务的大小限制，请换用较小的图片。",
  too_slow: "上传太慢，请换用更好的网络再试。",
  two_lengths: "服务无法处理这个请求。",
  unreadable: "图片无法读取。",
  unsupported: "不支持这种文件；支持 JPEG、PNG、WebP、BMP、TIFF、GIF、AVIF 和 HEIC 图片。",
  unwritable: "结果无法写入。",
  vanished: "图片已不存在。",
  wrong_host: "服务不接受这个主机名。",
  wrong_method: "服务不接受这种请求。",
  wrong_origin: "服务不接受来自这个网站的请求；如果前面有代理，请让它传递 Host 头。",
};

/** What is said of a photo or of a picture to wear, after its name: patterns, and what they are in Chinese. */
const FAULTS = [
  [/^is a film/, "是视频或其他媒体文件，不是照片。"],
  [/^is a camera raw file/, "是相机的 RAW 文件，请先转换为 JPEG 或 PNG。"],
  [/^is .* pixels: one side is more than (\d+):1/, (most) => `太狭长，长边超过短边的 ${most} 倍，请裁成几张。`],
  [/^is a JPEG of (\d+) bits per sample/, (bits) => `是 ${bits} 位的 JPEG，请以 8 位导出。`],
  [/^is a (\w+) picture, and no decoder for it/, (format) => `是 ${format} 格式，服务没有它的解码器，请转换为 JPEG。`],
  [/^has more than (?:the )?([\d.]+) megapixels/, (most) => `超过 ${Math.round(most * 100)} 万像素，请缩小。`],
  [/^has no transparency/, "没有透明背景，请抠图后存为 PNG。"],
  [/^is fully transparent/, "完全透明，请换一张图片。"],
  [/^is much higher than wide/, "高度远大于宽度，不像帽子；如果放歪了，请转正。"],
  [/^is wider than high/, "宽大于高，不像垂挂的耳环；请裁剪到只剩一只耳环，或按其种类使用。"],
  [/^leaves no room for a neck/, "没有留出脖子的位置，请按其种类使用。"],
  [/^looks like a shoe/, "看起来是鞋子，请作为鞋子使用。"],
  [/^looks like trousers/, "看起来是裤子，请把它的布料或颜色用于下装。"],
  [/^is higher than wide/, "高大于宽，不像眼镜；如果放歪了，请转正。"],
  [/^looks like a pair of glasses/, "看起来是眼镜，请作为眼镜佩戴。"],
  [/^looks like a necklace/, "看起来是项链，请作为项链佩戴。"],
  [/^looks like a garment/, "看起来是衣服，请作为上衣穿着。"],
  [/^looks like a hat or a shoe/, "看起来是帽子或鞋子，请按其种类使用。"],
  [/^shows several things on a plain ground/, "有好几件商品，请裁剪到只剩一件。"],
  [/^shows one thing on a plain ground, which cannot be worn as a garment: (.+); if it is a fabric/,
    (why) => `是一件商品，不能当作衣服穿：${REASONS[why] ?? why}。如果是布料，请只裁出布料部分。`],
  [/^shows one thing on a plain ground/, "是一件商品，不是布料；如果是布料，请只裁出布料部分。"],
  [/^took longer than (\d+) s/, (seconds) => `处理超过 ${seconds} 秒，已停止。`],
];

/** A sentence of the service about a photo or a picture to wear; undefined where its class says enough. */
const faultOf = (english, kindName) => {
  const [, kind, fault] = /^(?:the )?(\w+):? (.*)$/.exec(english) ?? [];
  for (const [pattern, chinese] of fault ? FAULTS : []) {
    const found = pattern.exec(fault);
    if (!found) continue;
    const said = typeof chinese === "function" ? chinese(...found.slice(1)) : chinese;
    return `${kind === "photo" ? "照片" : `${kindName(kind) ?? kind}的图片`}${said}`;
  }
  return undefined;
};

/**
 * A sentence of the service in Chinese; the English one where it is not known.
 * `code` is the class of an error, `kindName` gives the name of a kind of accessory.
 */
export const inChinese = (english, code, kindName) => {
  const reasons = english.split("; ").map((one) => REASONS[one]);
  if (!reasons.includes(undefined)) return reasons.join("；");
  return REASONS[english] ?? faultOf(english, kindName) ?? FAILURES[code] ?? english;
};
