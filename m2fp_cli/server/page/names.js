// Chinese names of labels, and of what is shipped to be worn. A test finds every one of them here.

export const LABELS_CHINESE = {
  Background: "背景", Hat: "帽子", Hair: "头发", Glove: "手套", Sunglasses: "眼镜", UpperClothes: "上衣", Dress: "连衣裙",
  Coat: "外套", Socks: "袜子", Pants: "裤子", "Torso-skin": "躯干皮肤", Scarf: "围巾", Skirt: "裙子", Face: "脸",
  "Left-arm": "左臂", "Right-arm": "右臂", "Left-leg": "左腿", "Right-leg": "右腿", "Left-shoe": "左鞋", "Right-shoe": "右鞋",
  Human: "人", Jumpsuits: "连体衣",
  // of other label sets than CIHP's
  Belt: "腰带", Bag: "包", Person: "人", Head: "头部", Torso: "躯干", "Upper-arms": "上臂", "Lower-arms": "前臂",
  "Upper-legs": "大腿", "Lower-legs": "小腿", Upper: "上衣", Bottom: "下装", Noise: "杂项",
};
export const THINGS_CHINESE = {
  beanie: "毛线帽", cap: "棒球帽", fedora: "礼帽", sun_hat: "遮阳帽",
  clear: "透明镜片眼镜", round: "圆框眼镜", sunglasses: "太阳镜", wide: "大框太阳镜",
  drop: "水滴耳坠", hoop: "耳圈", pearl_stud: "珍珠耳钉",
  chain: "项链", pearls: "珍珠项链", pendant: "吊坠项链",
  blazer: "西装外套", hoodie: "连帽衫", knit: "针织衫", striped_shirt: "条纹衬衫", tshirt: "T 恤",
  breton: "海军条纹布", denim: "牛仔布", dotted: "波点布", tartan: "格子呢",
  black: "黑色", brown: "棕色", chestnut: "栗色", auburn: "赤褐色", copper: "红铜色", blond: "金色",
  platinum: "铂金色", silver: "银色", pink: "粉色", blue: "蓝色", green: "绿色", violet: "紫色",
};
